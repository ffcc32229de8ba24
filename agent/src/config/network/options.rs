//! Options of bonds and bridges: one table for the names in version 2, in version 1 (which are the
//! kernel's and NetworkManager's), and in networkd's files.

use serde::Serialize;

use super::types::Word;

/// One option.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Tunable {
    /// Key in version 2.
    pub v2: &'static str,
    /// Key in version 1, behind `bond-` or `bridge_`.
    pub v1: &'static str,
    /// Key in a keyfile of NetworkManager.
    pub manager: &'static str,
    /// Key in a `.netdev` file.
    pub networkd: &'static str,
    /// What its value is.
    pub form: Form,
}

/// What the value of an option is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// A word.
    Word,
    /// A number.
    Number,
    /// Milliseconds.
    Millis,
    /// Seconds.
    Seconds,
    /// True or false.
    Truth,
    /// IP addresses.
    Addresses,
}

/// An option with its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// Which.
    pub option: &'static Tunable,
    /// Checked value: a word, a number, `yes` or `no`, addresses divided by commas.
    pub value: String,
}

const fn row(
    v2: &'static str,
    v1: &'static str,
    manager: &'static str,
    networkd: &'static str,
    form: Form,
) -> Tunable {
    Tunable { v2, v1, manager, networkd, form }
}

/// Options of bonds.
pub static BOND: &[Tunable] = &[
    row("mode", "mode", "mode", "Mode", Form::Word),
    row("mii-monitor-interval", "miimon", "miimon", "MIIMonitorSec", Form::Millis),
    row("up-delay", "updelay", "updelay", "UpDelaySec", Form::Millis),
    row("down-delay", "downdelay", "downdelay", "DownDelaySec", Form::Millis),
    row("arp-interval", "arp_interval", "arp_interval", "ARPIntervalSec", Form::Millis),
    row("arp-ip-targets", "arp_ip_target", "arp_ip_target", "ARPIPTargets", Form::Addresses),
    row("arp-validate", "arp_validate", "arp_validate", "ARPValidate", Form::Word),
    row("arp-all-targets", "arp_all_targets", "arp_all_targets", "ARPAllTargets", Form::Word),
    row("lacp-rate", "lacp_rate", "lacp_rate", "LACPTransmitRate", Form::Word),
    row("min-links", "min_links", "min_links", "MinLinks", Form::Number),
    row(
        "transmit-hash-policy",
        "xmit_hash_policy",
        "xmit_hash_policy",
        "TransmitHashPolicy",
        Form::Word,
    ),
    row("ad-select", "ad_select", "ad_select", "AdSelect", Form::Word),
    row(
        "all-slaves-active",
        "all_slaves_active",
        "all_slaves_active",
        "AllSlavesActive",
        Form::Truth,
    ),
    row("fail-over-mac-policy", "fail_over_mac", "fail_over_mac", "FailOverMACPolicy", Form::Word),
    row("gratuitous-arp", "num_grat_arp", "num_grat_arp", "GratuitousARP", Form::Number),
    row("gratuitious-arp", "num_unsol_na", "num_grat_arp", "GratuitousARP", Form::Number),
    row(
        "packets-per-slave",
        "packets_per_slave",
        "packets_per_slave",
        "PacketsPerSlave",
        Form::Number,
    ),
    row(
        "primary-reselect-policy",
        "primary_reselect",
        "primary_reselect",
        "PrimaryReselectPolicy",
        Form::Word,
    ),
    row("resend-igmp", "resend_igmp", "resend_igmp", "ResendIGMP", Form::Number),
    row(
        "learn-packet-interval",
        "lp_interval",
        "lp_interval",
        "LearnPacketIntervalSec",
        Form::Seconds,
    ),
];

/// Options of bridges.
pub static BRIDGE: &[Tunable] = &[
    row("ageing-time", "ageing", "ageing-time", "AgeingTimeSec", Form::Seconds),
    row("priority", "bridgeprio", "priority", "Priority", Form::Number),
    row("forward-delay", "fd", "forward-delay", "ForwardDelaySec", Form::Seconds),
    row("hello-time", "hello", "hello-time", "HelloTimeSec", Form::Seconds),
    row("max-age", "maxage", "max-age", "MaxAgeSec", Form::Seconds),
    row("stp", "stp", "stp", "STP", Form::Truth),
];

/// 802.1Q has 12 bits, and 4095 is reserved.
pub fn vlan_number(text: &str) -> Result<u16, &'static str> {
    let reason = "is no number of a VLAN, 0 to 4094";
    text.parse().ok().filter(|number| *number <= 4094).ok_or(reason)
}

impl Form {
    /// Checks the text of a scalar.
    pub fn check(self, text: &str) -> Result<String, &'static str> {
        match self {
            Self::Word => Word::new(text).map(|word| word.as_str().to_owned()),
            Self::Number => whole(text).ok_or("is no number"),
            Self::Millis => millis(text).ok_or("is no number of milliseconds"),
            Self::Seconds => {
                whole(text.strip_suffix('s').unwrap_or(text)).ok_or("is no number of seconds")
            }
            Self::Truth => truth(text).ok_or("is neither true nor false"),
            Self::Addresses => addresses(text).ok_or("is no list of IP addresses"),
        }
    }
}

fn whole(text: &str) -> Option<String> {
    text.parse::<u32>().ok().map(|number| number.to_string())
}

/// A number alone counts as milliseconds.
fn millis(text: &str) -> Option<String> {
    if let Some(text) = text.strip_suffix("ms") {
        return whole(text);
    }
    let Some(seconds) = text.strip_suffix('s') else { return whole(text) };
    seconds.parse::<u32>().ok()?.checked_mul(1000).map(|number| number.to_string())
}

fn truth(text: &str) -> Option<String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Some("yes".to_owned()),
        "false" | "no" | "off" | "0" => Some("no".to_owned()),
        _ => None,
    }
}

fn addresses(text: &str) -> Option<String> {
    let parts = text.split([',', ' ']).filter(|part| !part.is_empty());
    let parts: Vec<_> = parts.map(str::parse::<std::net::IpAddr>).collect::<Result<_, _>>().ok()?;
    let texts: Vec<_> = parts.iter().map(ToString::to_string).collect();
    (!texts.is_empty()).then(|| texts.join(","))
}
