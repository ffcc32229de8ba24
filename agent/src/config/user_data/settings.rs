//! `ca_certs`, `keyboard`, `locale`.

use nixvm_system::GuestPath;

use crate::config::Config;
use crate::config::certificates::{Certificate, Certificates};
use crate::config::reader::Reader;
use crate::config::regional::{Keyboard, KeyboardName, Locale, LocaleName};
use crate::config::scalars;

/// Reads all three.
pub fn parse(reader: &mut Reader<'_, '_>, config: &mut Config) {
    if let Some(certificates) = certificates(reader) {
        config.certificates = Some(certificates);
    }
    if let Some(keyboard) = keyboard(reader) {
        config.keyboard = Some(keyboard);
    }
    if let Some(locale) = locale(reader) {
        config.locale = Some(locale);
    }
}

/// A certificate that is damaged is lost by name; the others are trusted.
fn certificates(reader: &mut Reader<'_, '_>) -> Option<Certificates> {
    let node = reader.node("ca_certs")?;
    let Some(map) = node.as_map() else {
        reader.wrong("ca_certs", node, "a mapping");
        return None;
    };
    let mut certificates = Certificates::default();
    reader.inside("ca_certs", map, |inner| {
        certificates.remove_defaults = inner.truth("remove_defaults").unwrap_or(false);
        for (key, mark, text) in inner.texts("trusted") {
            match Certificate::all(&text) {
                Ok(found) => certificates.trusted.extend(found),
                Err(reason) => inner.bad_at(&key, mark, reason),
            }
        }
        inner.unknown(&["remove_defaults", "trusted"]);
    });
    let mut unique = Vec::with_capacity(certificates.trusted.len());
    for certificate in certificates.trusted {
        if !unique.contains(&certificate) {
            unique.push(certificate);
        }
    }
    Some(Certificates { trusted: unique, ..certificates })
}

fn keyboard(reader: &mut Reader<'_, '_>) -> Option<Keyboard> {
    let node = reader.node("keyboard")?;
    let Some(map) = node.as_map() else {
        reader.wrong("keyboard", node, "a mapping");
        return None;
    };
    let mut keyboard = None;
    reader.inside("keyboard", map, |inner| {
        if inner.node("layout").is_none() {
            inner.bad("layout", node.mark, "is missing; the keyboard is left as it is");
        }
        let layout = inner.text("layout", KeyboardName::new);
        let model =
            inner.text("model", KeyboardName::new).or_else(|| KeyboardName::new("pc105").ok());
        let variant = inner.text("variant", KeyboardName::new).unwrap_or_default();
        let options = inner.text("options", KeyboardName::new).unwrap_or_default();
        inner.unknown(&["layout", "model", "options", "variant"]);
        keyboard =
            layout.zip(model).map(|(layout, model)| Keyboard { layout, model, variant, options });
    });
    keyboard
}

/// `false` leaves the locale as it is.
fn locale(reader: &mut Reader<'_, '_>) -> Option<Locale> {
    let file = reader
        .text("locale_configfile", |text| GuestPath::new(text).map_err(|_| "is no absolute path"));
    if reader.node("locale").is_some_and(|node| scalars::truth(&node.value) == Some(false)) {
        return None;
    }
    Some(Locale { name: reader.text("locale", LocaleName::new)?, file })
}
