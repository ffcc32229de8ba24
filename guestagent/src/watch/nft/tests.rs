//! Bytes that no kernel sends: parsers give what there is, and walks end.

use super::expression::rule;
use super::set::Reading;
use crate::watch::netlink::attribute;
use crate::watch::rules::translated::{translated, within};
use crate::watch::rules::{Hook, Table, Version, xt};
use proptest::collection::vec;
use proptest::prelude::*;

const NAMES: [&str; 16] = [
    "payload",
    "meta",
    "fib",
    "ct",
    "immediate",
    "bitwise",
    "byteorder",
    "cmp",
    "range",
    "lookup",
    "nat",
    "match",
    "target",
    "redir",
    "counter",
    "no-such",
];

/// Values as attributes have them: small numbers, names, nested values, noise.
fn value() -> impl Strategy<Value = Vec<u8>> {
    let number = (-6_i32..24).prop_map(|number| number.to_be_bytes().to_vec());
    let name = prop_oneof![Just("one"), Just("two"), Just("tcp"), Just("DNAT"), Just("multiport")];
    let name = name.prop_map(|name| [name.as_bytes(), &[0]].concat());
    let noise = vec(any::<u8>(), 0..70);
    let plain = prop_oneof![4 => number, 2 => name, 1 => noise];
    plain.prop_recursive(3, 12, 3, |inner| {
        vec((0..7_u16, inner), 0..3).prop_map(|nested| attributes(&nested))
    })
}

fn attributes(values: &[(u16, Vec<u8>)]) -> Vec<u8> {
    values.iter().flat_map(|(kind, value)| attribute(*kind, value)).collect()
}

fn expression() -> impl Strategy<Value = Vec<u8>> {
    let data = vec((0..8_u16, value()), 0..7).prop_map(|values| attributes(&values));
    (proptest::sample::select(&NAMES[..]), data).prop_map(|(name, data)| {
        let name = attribute(1, &[name.as_bytes(), &[0]].concat());
        attribute(1, &[name, attribute(2, &data)].concat())
    })
}

fn chain() -> impl Strategy<Value = Vec<Vec<u8>>> {
    vec(vec(expression(), 0..6).prop_map(|rule| rule.concat()), 0..5)
}

proptest! {
    #[test]
    fn rules_of_any_shape_are_walked_to_the_end(one in chain(), two in chain()) {
        let chains = [("one", one), ("two", two)];
        let rules = |rules: Vec<Vec<u8>>| rules.iter().map(|bytes| rule(bytes)).collect();
        let table = Table {
            versions: vec![Version::V4, Version::V6],
            bases: vec![(Hook::Output, "one".into()), (Hook::Prerouting, "two".into())],
            chains: chains.into_iter().map(|(name, list)| (name.into(), rules(list))).collect(),
            ..Table::default()
        };
        let own = [[10, 0, 0, 1].into(), "fd00::1".parse().expect("address")].into();
        translated(&[table], &own);
    }

    #[test]
    fn any_bytes_are_rules_and_sets(bytes in vec(any::<u8>(), 0..300), revision in 0..3_u32) {
        rule(&bytes);
        for name in ["tcp", "udp", "multiport", "addrtype", "DNAT"] {
            xt::conditions(name, revision, &bytes);
            xt::destination(name, revision, &bytes);
        }
    }

    #[test]
    fn sets_of_any_shape_are_read(
        head in vec((0..11_u16, value()), 0..11),
        elements in vec(vec((0..11_u16, value()), 0..4), 0..5),
    ) {
        if let Some((_, mut set)) = Reading::new(&attributes(&head)) {
            let elements: Vec<_> = elements.iter().map(|e| (1, attributes(e))).collect();
            set.add(&attribute(3, &attributes(&elements)));
            set.finish(true);
        }
    }
}

/// Each chain calls the next one twice: 2^16 ways if nothing stopped it.
#[test]
fn rules_that_multiply_end() {
    use crate::watch::rules::{Expression, Verdict};
    let call = |to: usize| vec![Expression::Verdict(Verdict::Jump(to.to_string()))];
    let chains = (0..40_usize).map(|at| (at.to_string(), vec![call(at + 1); 8])).collect();
    let bases = vec![(Hook::Output, "0".into())];
    let table = Table { versions: vec![Version::V4], bases, chains, ..Table::default() };
    let found = translated(&[table], &[].into());
    assert!(found.cut && found.ports.is_empty());
}

/// What a rule costs is not counted by rules alone.
#[test]
fn rules_of_many_expressions_end() {
    use crate::watch::rules::Expression;
    let rules = vec![vec![Expression::Maybe; 32_000]; 20];
    let bases = vec![(Hook::Output, "output".into())];
    let chains = [("output".into(), rules)].into();
    let table = Table { versions: vec![Version::V4], bases, chains, ..Table::default() };
    assert!(within(10_000, &[table], &[].into()).cut);
}
