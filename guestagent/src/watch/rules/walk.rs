//! One walk through the chains with one dial.
//!
//! The walk carries the ports that may be at a rule. A rule takes those it
//! decides for certain away from the rules after it; what it decides perhaps
//! goes both ways. So the result has every port that may be translated. The
//! depth is that of the kernel, and the steps are counted: rules of a hostile
//! shape end the walk and not the agent.

use super::bytes::{Byte, Truth};
use super::packet::Dial;
use super::ranges::Ranges;
use super::state::{State, matches};
use super::{Element, Expression, Found, Rule, Table, Target, Value, Verdict};
use std::net::IpAddr;

/// `NFT_JUMP_STACK_SIZE`.
const DEPTH: usize = 16;
/// More ports than this in one rule are no forward of ports, but of everything.
const MOST_PORTS: usize = 1024;
/// Ranges, elements of sets, and expressions, that cost as much as a rule.
const PER_STEP: usize = 32;

/// Ports that a dial finds translated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Which.
    pub ports: Ranges,
    /// The chain of the rule.
    pub chain: String,
    /// Where to, as far as it is known.
    pub to: (Option<IpAddr>, Option<u16>),
}

/// A walk, and what it found.
#[derive(Debug)]
pub struct Walk<'a> {
    table: &'a Table,
    dial: Dial,
    steps: &'a mut usize,
    /// In the order of the rules.
    pub hits: Vec<Hit>,
}

/// What a rule has decided for some ports.
struct Decision {
    ports: Ranges,
    sure: bool,
    verdict: Verdict,
}

impl<'a> Walk<'a> {
    /// A walk that may take this many steps.
    pub fn new(table: &'a Table, dial: Dial, steps: &'a mut usize) -> Self {
        Self { table, dial, steps, hits: Vec::new() }
    }

    /// Walks a chain that a hook begins with.
    pub fn base(&mut self, chain: &str) {
        self.chain(chain, Ranges::all(), 0);
    }

    /// The ports that come back from a chain.
    fn chain(&mut self, name: &str, mut ports: Ranges, depth: usize) -> Ranges {
        let mut back = Ranges::none();
        let Some(rules) = self.table.chains.get(name).filter(|_| depth < DEPTH) else {
            return ports;
        };
        for rule in rules {
            self.spend(1 + rule.len() / PER_STEP);
            if ports.is_empty() || *self.steps == 0 {
                break;
            }
            for Decision { ports: decided, sure, verdict } in self.rule(name, rule, &ports) {
                self.spend(ports.parts() / PER_STEP);
                if sure {
                    ports = ports.without(&decided);
                }
                match verdict {
                    Verdict::Continue | Verdict::End => {}
                    Verdict::Return => back = back.or(&decided),
                    Verdict::Jump(to) => ports = ports.or(&self.chain(&to, decided, depth + 1)),
                    Verdict::Goto(to) => back = back.or(&self.chain(&to, decided, depth + 1)),
                }
            }
        }
        back.or(&ports)
    }

    /// What a rule decides for the ports that are at it.
    fn rule(&mut self, chain: &str, rule: &Rule, ports: &Ranges) -> Vec<Decision> {
        let mut state = State::default();
        for expression in rule {
            match expression {
                Expression::Verdict(verdict) => return decide(&state.truth, ports, verdict),
                Expression::Translate(target) => {
                    self.hit(chain, &state, ports, target);
                    return decide(&state.truth, ports, &Verdict::End);
                }
                Expression::Lookup { set, from, to: Found::Verdict, .. } => {
                    return self.follow(set, state.read(*from), &state.truth, ports);
                }
                Expression::Lookup { set, .. } => {
                    let elements = self.table.sets.get(set).map_or(0, |set| set.elements.len());
                    self.spend(elements / PER_STEP);
                }
                _ => {}
            }
            state.apply(expression, &self.dial, self.table);
            if state.truth.ports.is_empty() {
                break;
            }
        }
        Vec::new()
    }

    /// The verdicts of a map for a key.
    fn follow(&mut self, set: &str, key: &[Byte], truth: &Truth, ports: &Ranges) -> Vec<Decision> {
        let Some(set) = self.table.sets.get(set) else { return Vec::new() };
        self.spend(set.elements.len() / PER_STEP);
        let decide = |element: &Element| {
            let truth = matches(set, element, key).and(truth);
            match &element.value {
                Some(Value::Verdict(verdict)) => decide(&truth, ports, verdict),
                _ => Vec::new(),
            }
        };
        set.elements.iter().flat_map(decide).collect()
    }

    fn hit(&mut self, chain: &str, state: &State, ports: &Ranges, target: &Target) {
        let ports = state.truth.ports.and(ports);
        if (1..=MOST_PORTS).contains(&ports.len()) {
            self.hits.push(Hit { ports, chain: chain.into(), to: state.target(target) });
        }
    }

    fn spend(&mut self, steps: usize) {
        *self.steps = self.steps.saturating_sub(steps);
    }
}

fn decide(truth: &Truth, ports: &Ranges, verdict: &Verdict) -> Vec<Decision> {
    let ports = truth.ports.and(ports);
    if *verdict == Verdict::Continue || ports.is_empty() {
        return Vec::new();
    }
    vec![Decision { ports, sure: truth.sure, verdict: verdict.clone() }]
}
