//! What both sides of AJP must have been told alike: the secret that a container
//! demands, which is never printed, and how long a packet may be.

use std::fs;

use vestibule::ajp;

use crate::args::{Args, Failure, usage};

/// What the options say of the secret, and of the packets.
pub const SECRET: &str =
    "  --secret TEXT       the secret of AJP; who lists the processes of this machine sees it
  --secret-file FILE  the same, from a file: its first line
  --secret-env NAME   the same, from a variable of the environment
";
pub const PACKET: &str =
    "  --packet-size BYTES the longest packet of AJP, 8192 (the default) to 65536: as the
                      other side has it, since nothing is negotiated
";

/// What was agreed on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Agreed {
    pub secret: Option<&'static [u8]>,
    pub packet_size: Option<u32>,
}

impl Agreed {
    /// A web server's side.
    pub fn client(self) -> ajp::Client<&'static [u8]> {
        let limits = ajp::ClientLimits::DEFAULT.packet_bytes(self.packet_bytes());
        ajp::Client::with_secret(self.secret.unwrap_or_default()).limits(limits)
    }

    /// A container's side.
    pub fn server(self, max_body: u64) -> ajp::Server {
        let limits = ajp::ServerLimits::DEFAULT.body_bytes(max_body);
        let rules = match self.secret {
            Some(secret) => ajp::ServerRules::STRICT.secret(secret),
            None => ajp::ServerRules::STRICT.without_secret(true),
        };
        ajp::Server::new(rules).limits(limits.packet_bytes(self.packet_bytes()))
    }

    fn packet_bytes(self) -> u32 {
        self.packet_size.unwrap_or(ajp::MIN_PACKET)
    }

    /// Takes an option, if it is one of these.
    pub fn option(&mut self, name: &str, args: &mut Args) -> Result<bool, Failure> {
        if name == "--packet-size" {
            let (least, most) = (ajp::MIN_PACKET, ajp::MAX_PACKET);
            let text = args.text()?;
            let size = text.parse().ok();
            self.packet_size = size.filter(|n| (least..=most).contains(n));
            return match self.packet_size {
                Some(_) => Ok(true),
                None => usage(format!(
                    "{name} wants a number of {least} to {most}, not '{text}'"
                )),
            };
        }
        secret(name, args, &mut self.secret)
    }
}

/// The secret is kept as long as the program runs, which is as long as
/// connections may want it.
fn secret(
    name: &str,
    args: &mut Args,
    secret: &mut Option<&'static [u8]>,
) -> Result<bool, Failure> {
    let bytes = match name {
        "--secret" => args.bytes()?,
        "--secret-file" => {
            let path = args.value()?;
            let failed = |error| Failure::Usage(format!("{name} '{}': {error}", path.display()));
            let all = fs::read(&path).map_err(failed)?;
            let line = all.split(|b| *b == b'\n').next().unwrap_or(&[]);
            line.strip_suffix(b"\r").unwrap_or(line).to_vec()
        }
        "--secret-env" => {
            let variable = args.text()?;
            match std::env::var_os(&variable) {
                Some(value) => value.into_encoded_bytes(),
                None => return usage(format!("{name}: no variable '{variable}' is set")),
            }
        }
        _ => return Ok(false),
    };
    if secret.is_some() {
        return usage(format!("{name}: there is a secret already"));
    }
    if bytes.is_empty() || bytes.iter().any(u8::is_ascii_control) {
        return usage(format!(
            "{name}: a secret is not empty, and has no control characters"
        ));
    }
    *secret = Some(bytes.leak());
    Ok(true)
}
