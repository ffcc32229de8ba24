//! Rules against ports, one line each.

use super::*;

fn rules(texts: &[&str]) -> Result<Rules, RuleError> {
    Rules::parse(&texts.iter().map(ToString::to_string).collect::<Vec<_>>())
}

fn port(text: &str) -> Port {
    let (protocol, at) = text.split_once(' ').expect(text);
    let protocol = if protocol == "tcp" { Protocol::Tcp } else { Protocol::Udp };
    let at: std::net::SocketAddr = at.parse().expect(text);
    Port::new(protocol, at.ip(), at.port())
}

#[test]
fn a_port_must_agree_with_each_word() {
    for (rule, text, hidden) in [
        ("udp 68", "udp 0.0.0.0:68", true),
        ("udp 68", "udp 127.0.0.1:68", true),
        ("udp 68", "tcp 0.0.0.0:68", false),
        ("udp 68", "udp 0.0.0.0:67", false),
        ("tcp 10.0.0.0/8 1000-2000", "tcp 10.255.0.1:2000", true),
        ("tcp 10.0.0.0/8 1000-2000", "tcp 11.0.0.1:2000", false),
        ("1000-2000 10.0.0.0/8 tcp", "tcp 10.0.0.1:2001", false),
        ("udp fe80::/10", "udp [febf::1]:5", true),
        ("udp fe80::/10", "udp [fec0::1]:5", false),
        ("127.0.0.1", "tcp 127.0.0.1:80", true),
        ("127.0.0.1", "tcp [::ffff:127.0.0.1]:80", true),
        ("127.0.0.1", "tcp 127.0.0.2:80", false),
        ("0.0.0.0/0", "tcp 1.2.3.4:80", true),
        ("0.0.0.0/0", "tcp [::1]:80", false),
        ("::/0 443", "tcp [::]:443", true),
        ("tcp", "tcp [::]:443", true),
    ] {
        let rules = rules(&[rule]).expect(rule);
        let by = rules.hides(&port(text));
        assert_eq!(by.as_deref(), hidden.then_some(rule), "{rule}: {text}");
    }
}

#[test]
fn defaults_leave_out_noise_and_nothing_that_a_host_expects() {
    let rules = Rules::default();
    assert!(rules.hides_ephemeral());
    for hidden in [
        "udp 0.0.0.0:68",
        "udp [fe80::1]:546",
        "udp 0.0.0.0:5353",
        "tcp 169.254.169.254:80",
        "tcp [fe80::a%1]:22".replace("%1", "").as_str(),
    ] {
        assert!(rules.hides(&port(hidden)).is_some(), "{hidden}");
    }
    for told in [
        "tcp 127.0.0.1:80",
        "tcp 127.0.0.2:80",
        "tcp 127.0.0.3:80",
        "tcp 0.0.0.0:22",
        "tcp [::]:5353",
        "tcp [::1]:68",
        "tcp 192.168.5.15:1",
        "udp 127.0.0.53:53",
        "udp 0.0.0.0:40000",
    ] {
        assert_eq!(rules.hides(&port(told)), None, "{told}");
    }
}

#[test]
fn a_list_takes_the_place_of_the_defaults_or_keeps_them_by_name() {
    let own = rules(&["udp 1900"]).expect("rules");
    assert!(!own.hides_ephemeral());
    assert_eq!(own.hides(&port("udp 0.0.0.0:68")), None);
    let both = rules(&["default", "udp 1900"]).expect("rules");
    assert!(both.hides_ephemeral());
    assert_eq!(both.hides(&port("udp 0.0.0.0:68")).as_deref(), Some("udp 68"));
    assert_eq!(both.hides(&port("udp 0.0.0.0:1900")).as_deref(), Some("udp 1900"));
    assert_eq!(rules(&["default"]), Ok(Rules::default()));
}

#[test]
fn what_cannot_be_read_is_named() {
    for (text, expected) in [
        ("", r#"rule "": "" says nothing"#),
        ("udp udp", r#"rule "udp udp": "udp" says the same thing twice"#),
        ("udp 1 2", r#"rule "udp 1 2": "2" says the same thing twice"#),
        ("1.2.3", r#"rule "1.2.3": "1.2.3" is no IP address"#),
        ("10.0.0.0/33", r#"rule "10.0.0.0/33": "10.0.0.0/33" needs a prefix length from 0 to 32"#),
        ("::/x", r#"rule "::/x": "::/x" needs a prefix length from 0 to 128"#),
        ("10.0.0.1/8", r#"rule "10.0.0.1/8": "10.0.0.1/8" has bits set after its prefix"#),
        ("9-8", r#"rule "9-8": "9-8" ends before it starts"#),
    ] {
        assert_eq!(rules(&[text]).expect_err(text).to_string(), expected);
    }
    for text in ["0", "65536", "80-", "sctp", "udp,68", "1-2-3"] {
        assert_eq!(rules(&[text]).expect_err(text).fault, Fault::Number, "{text}");
    }
}
