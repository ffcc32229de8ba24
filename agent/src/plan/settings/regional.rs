//! `keyboard` and `locale`.

use super::{Draft, fixed, step};
use crate::config::Config;
use crate::config::regional::Locale;
use crate::step::{Action, Family, KeyboardStep, LocaleStep, Stage};

pub fn steps(config: &Config, draft: &mut Draft<'_>) {
    let is_debian = draft.facts.platform.is_debian;
    let family = if is_debian { Family::Debian } else { Family::Other };
    if let Some(keyboard) = config.keyboard.clone() {
        let title = format!("set the keyboard {}", keyboard.layout.as_str());
        let action = Action::Keyboard(KeyboardStep { keyboard, family });
        let step = step("keyboard", title, Stage::Early, action);
        let option = "owned by NixOS: set console.keyMap and services.xserver.xkb";
        add_unless_nixos(step, option, draft);
    }
    if let Some(locale) = &config.locale {
        locale_step(locale, family, draft);
    }
}

/// Late: making a locale takes seconds, for which nobody who logs in should wait.
fn locale_step(locale: &Locale, family: Family, draft: &mut Draft<'_>) {
    let usual = match family {
        Family::Debian => "/etc/default/locale",
        Family::Other => "/etc/locale.conf",
    };
    let file = locale.file.clone().unwrap_or_else(|| fixed(usual));
    let title = format!("set the locale {}", locale.name.as_str());
    let action = Action::Locale(LocaleStep { name: locale.name.clone(), file, family });
    let step = step("locale", title, Stage::Late, action);
    add_unless_nixos(step, "owned by NixOS: set i18n.defaultLocale", draft);
}

fn add_unless_nixos(step: crate::step::Step, option: &str, draft: &mut Draft<'_>) {
    if draft.facts.platform.is_nixos {
        draft.skip(step, option);
    } else {
        draft.add(step);
    }
}
