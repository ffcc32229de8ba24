//! The boot agent: what a seed says becomes a plan, the plan becomes steps, the steps become a
//! report. The flow, one module a station:
//!
//! ```text
//! source::find   -> Seed             bytes, and where they came from
//! config::parse  -> Parsed<Config>   validated types and findings
//! facts::read    -> Facts            what is there now
//! plan::plan     -> Plan             ordered typed steps; pure and total
//! apply::apply   -> Vec<Outcome>     the only `match step` with effects
//! report         -> ExitCode         ledger, JSON, console, readiness files
//! ```

pub mod accounts;
pub mod apply;
pub mod calendar;
pub mod cli;
pub mod collect;
pub mod config;
pub mod drift;
pub mod facts;
pub mod ledger;
pub mod packages;
pub mod plan;
pub mod render;
pub mod report;
pub mod run;
pub mod source;
pub mod step;
