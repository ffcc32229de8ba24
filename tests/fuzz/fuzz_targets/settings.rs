//! Any settings file: what can be used is, what cannot has a remark that names a
//! line of the text, and nothing panics.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nixvm_guestagent::port::rules::Rules;
use nixvm_guestagent::settings::file;
use nixvm_guestagent::tunnel::lists::Lists;
use std::path::Path;

fuzz_target!(|text: &str| {
    let (file, findings) = file::parse(Path::new("settings"), text);
    let lines = text.split('\n').count();
    for finding in findings {
        assert!((1..=lines).contains(&finding.line), "{finding}");
    }
    let (rules, unusable) = Rules::usable(file.ports.ignore.as_deref().unwrap_or_default());
    let _ = (rules.hides_ephemeral(), unusable);
    let _ = Lists::new(&file.tunnel.allow, &file.tunnel.deny);
});
