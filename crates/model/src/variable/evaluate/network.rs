//! Functions of IPv4 networks. What is of IPv6, or has leading zeros (which Terraform takes for compatibility), is left to it.

use std::net::Ipv4Addr;

use super::value::Evaluated;
use super::{Stop, Value};

/// Functions of networks; `None` for others.
pub(super) fn call(name: &str, arguments: &[Value]) -> Option<Evaluated> {
    Some(match (name, arguments) {
        ("cidrhost", [prefix, host]) => cidr_host(prefix, host),
        ("cidrnetmask", [prefix]) => Network::parse(prefix).map(|network| text(network.mask())),
        ("cidrsubnet", [prefix, bits, number]) => cidr_subnet(prefix, bits, number),
        _ => return None,
    })
}

struct Network {
    address: u32,
    length: u32,
}

impl Network {
    fn parse(prefix: &Value) -> Result<Self, Stop> {
        let prefix = prefix.as_text()?;
        if prefix.contains(':') {
            return Err(Stop::Unknown);
        }
        let (address, length) = prefix.split_once('/').ok_or(Stop::Error)?;
        let padded = |part: &str| part.len() > 1 && part.starts_with('0');
        if address.split('.').any(padded) || padded(length) {
            return Err(Stop::Unknown);
        }
        let address: Ipv4Addr = address.parse().map_err(|_| Stop::Error)?;
        let is_number = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
        let length: u32 = length.parse().ok().filter(|_| is_number).ok_or(Stop::Error)?;
        if length > 32 {
            return Err(Stop::Error);
        }
        Ok(Self {
            address: u32::from(address) & mask(length),
            length,
        })
    }

    fn mask(&self) -> u32 {
        mask(self.length)
    }
}

fn mask(length: u32) -> u32 {
    u32::MAX.checked_shl(32 - length).unwrap_or(0)
}

fn text(address: u32) -> Value {
    Value::Text(Ipv4Addr::from(address).to_string())
}

fn cidr_host(prefix: &Value, host: &Value) -> Evaluated {
    let network = Network::parse(prefix)?;
    let host = host.as_whole()?;
    let size = 1_i64 << (32 - network.length);
    let host = if host < 0 { size + host } else { host };
    if !(0..size).contains(&host) {
        return Err(Stop::Error);
    }
    let host = u32::try_from(host).map_err(|_| Stop::Unknown)?;
    Ok(text(network.address | host))
}

fn cidr_subnet(prefix: &Value, bits: &Value, number: &Value) -> Evaluated {
    let network = Network::parse(prefix)?;
    let bits = u32::try_from(bits.as_whole()?).map_err(|_| Stop::Unknown)?;
    let length = network
        .length
        .checked_add(bits)
        .filter(|length| *length <= 32)
        .ok_or(Stop::Error)?;
    let number = u64::try_from(number.as_whole()?).map_err(|_| Stop::Unknown)?;
    if number >= 1_u64 << bits {
        return Err(Stop::Error);
    }
    let shifted = u32::try_from(number << (32 - length)).map_err(|_| Stop::Unknown)?;
    let address = Ipv4Addr::from(network.address | shifted);
    Ok(Value::Text(format!("{address}/{length}")))
}
