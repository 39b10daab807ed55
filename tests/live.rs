//! The command and the machines against released programs that speak our protocols,
//! both ways, compared to the byte: what the application saw, and what the
//! client got. Ignored unless asked for, since they need the peers that
//! `tests/peers/install` installs; `tests/run live` does both.
//!
//! Each test prints what it has shown to standard error as it ends.
#![cfg(unix)]

#[path = "live/answer.rs"]
mod answer;
#[path = "live/apps.rs"]
mod apps;
#[path = "live/calls.rs"]
mod calls;
#[path = "live/contract.rs"]
mod contract;
#[path = "live/curl.rs"]
mod curl;
#[path = "live/harness.rs"]
mod harness;
#[path = "live/http.rs"]
mod http;
#[path = "live/tools.rs"]
mod tools;

#[path = "live/access.rs"]
mod access;
#[path = "live/app_servers.rs"]
mod app_servers;
#[path = "live/authorizer.rs"]
mod authorizer;
#[path = "live/browser.rs"]
mod browser;
#[path = "live/cgi_fcgi.rs"]
mod cgi_fcgi;
#[path = "live/connection.rs"]
mod connection;
#[path = "live/fronts.rs"]
mod fronts;
#[path = "live/gateway.rs"]
mod gateway;
#[path = "live/libfcgi.rs"]
mod libfcgi;
#[path = "live/load.rs"]
mod load;
#[path = "live/memory.rs"]
mod memory;
#[path = "live/peers.rs"]
mod peers;
#[path = "live/php_fpm.rs"]
mod php_fpm;
#[path = "live/programs.rs"]
mod programs;
#[path = "live/proxy_protocol.rs"]
mod proxy_protocol;
#[path = "live/serve.rs"]
mod serve;
#[path = "live/site.rs"]
mod site;
#[path = "live/slow.rs"]
mod slow;
#[path = "live/tomcat.rs"]
mod tomcat;
#[path = "live/web.rs"]
mod web;
#[path = "live/web_http.rs"]
mod web_http;
