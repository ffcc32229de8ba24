//! `network-config` as files of the service that is there, in `/run`: made anew each boot, so no
//! stale file outlives its seed.

mod devices;
mod fallback;

use super::{Draft, fixed, step};
use crate::config::network::model::Renderer;
use crate::config::network::{Interface, Network};
use crate::config::{Config, Finding};
use crate::facts::network::NetworkFacts;
use crate::render::{network_manager, networkd};
use crate::step::network::{Configuration, Tell};
use crate::step::{Action, Lifetime, Stage, Step};

const ID: &str = "network";
const FILE: &str = "network-config";

/// What is to be configured, and who asks for it.
enum Wish {
    /// These interfaces.
    Network(Network, &'static str),
    /// Nothing, for this reason.
    Nothing(String),
}

pub fn steps(config: &Config, draft: &mut Draft<'_>) {
    match wish(config, draft) {
        Wish::Network(network, origin) => configure(&network, origin, config, draft),
        Wish::Nothing(reason) => nothing(reason, draft),
    }
}

/// The order is cloud-init's: what disables it, the seed, the fallback.
fn wish(config: &Config, draft: &Draft<'_>) -> Wish {
    let facts = &draft.facts.network;
    if let Some(by) = &facts.disabled_by {
        return Wish::Nothing(format!("{by} says that the network is not to be configured"));
    }
    match &config.network {
        Some(network) if network.is_disabled => {
            Wish::Nothing("the seed says that the network is not to be configured".to_owned())
        }
        Some(network) if network.interfaces.is_empty() => {
            Wish::Nothing("the network-config has no interface that could be used".to_owned())
        }
        Some(network) => Wish::Network(network.clone(), FILE),
        None => fallback::wish(facts),
    }
}

fn nothing(reason: String, draft: &mut Draft<'_>) {
    let stale = draft.facts.network.ours.clone();
    let title = "configure the network";
    if stale.is_empty() {
        let action = Action::Network(Configuration::default());
        let lifetime = Lifetime::Boot;
        draft.skip(Step { lifetime, ..step(ID, title, Stage::Local, action) }, reason);
        return;
    }
    let is_networkd = stale.iter().any(|path| path.as_str().starts_with(networkd::FOLDER));
    let renderer = if is_networkd { Renderer::Networkd } else { Renderer::NetworkManager };
    let tell = tell(renderer, &draft.facts.network);
    let tell = if tell == Tell::StartNetworkd { Tell::Nothing } else { tell };
    let configuration = Configuration { stale, tell, ..Configuration::default() };
    add(format!("take back the network configuration: {reason}"), "", configuration, draft);
}

fn configure(network: &Network, origin: &'static str, config: &Config, draft: &mut Draft<'_>) {
    let facts = &draft.facts.network;
    let labels: Vec<&str> = network.interfaces.iter().map(Interface::label).collect();
    let title = format!("configure the network: {}", labels.join(", "));
    let Some(renderer) = renderer(network, facts) else {
        return without_service(title, draft);
    };
    if let (Renderer::Networkd, Some(path)) = (renderer, &facts.earlier) {
        let text = format!(
            "{path} is read before nixvm-agent's files: of two that fit an interface, it wins"
        );
        draft.find(
            Finding::warning("network-shadowed", FILE, text)
                .hint("remove it, or give it a later name"),
        );
    }
    let files = files(network, renderer, config, draft);
    let is_wanted = |path: &_| files.iter().any(|(wanted, _, _)| wanted == path);
    let stale = draft.facts.network.ours.iter().filter(|path| !is_wanted(path)).cloned().collect();
    let renames = devices::renames(network, draft);
    let tell = tell(renderer, &draft.facts.network);
    if tell == Tell::StartNetworkd {
        told_to_start(draft);
    }
    add(title, origin, Configuration { files, stale, renames, tell }, draft);
}

/// On NixOS without networkd scripts of its own give each interface a lease.
fn without_service(title: String, draft: &mut Draft<'_>) {
    let action = Action::Network(Configuration::default());
    let step = Step { lifetime: Lifetime::Boot, ..step(ID, title, Stage::Local, action) };
    if draft.facts.network.is_nixos {
        return draft.skip(step, "owned by NixOS: set networking.useNetworkd");
    }
    let text = "neither systemd-networkd nor NetworkManager is installed: the network cannot be configured";
    draft.find(
        Finding::error("no-network-service", FILE, text)
            .hint("install systemd-networkd or NetworkManager in the image"),
    );
    draft.skip(step, "there is no service that could");
}

fn add(title: String, origin: &str, configuration: Configuration, draft: &mut Draft<'_>) {
    let action = Action::Network(configuration);
    let lifetime = Lifetime::Boot;
    let origin = origin.to_owned();
    draft.add(Step { lifetime, origin, ..step(ID, title, Stage::Local, action) });
}

/// The one that the image enables; the wish of the file decides between two. If none is enabled,
/// systemd-networkd, which can be started for this boot.
fn renderer(network: &Network, facts: &NetworkFacts) -> Option<Renderer> {
    let enabled = |renderer| match renderer {
        Renderer::Networkd => facts.networkd.is_enabled || facts.networkd.is_running,
        Renderer::NetworkManager => {
            facts.network_manager.is_enabled || facts.network_manager.is_running
        }
    };
    let wished = network.renderer.filter(|renderer| enabled(*renderer));
    let all = [Renderer::Networkd, Renderer::NetworkManager];
    let first = wished.or_else(|| all.into_iter().find(|renderer| enabled(*renderer)));
    first.or_else(|| facts.networkd.is_installed.then_some(Renderer::Networkd))
}

fn tell(renderer: Renderer, facts: &NetworkFacts) -> Tell {
    match renderer {
        Renderer::Networkd if facts.networkd.is_running => Tell::ReloadNetworkd,
        Renderer::Networkd if !facts.networkd.is_enabled => Tell::StartNetworkd,
        Renderer::NetworkManager if facts.network_manager.is_running => Tell::ReloadNetworkManager,
        Renderer::Networkd | Renderer::NetworkManager => Tell::Nothing,
    }
}

fn told_to_start(draft: &mut Draft<'_>) {
    let text =
        "no network service is enabled in this image; systemd-networkd is started for this boot";
    let mut finding = Finding::info("networkd-started", FILE, text);
    if let Some(path) = &draft.facts.network.others {
        finding = Finding::warning(
            "networkd-started",
            FILE,
            format!("{text}, although {path} configures the network too"),
        )
        .hint("let one of them do it: enable systemd-networkd, or say config: disabled");
    }
    draft.find(finding);
}

type Files = Vec<(nixvm_system::GuestPath, String, u32)>;

fn files(network: &Network, renderer: Renderer, config: &Config, draft: &mut Draft<'_>) -> Files {
    let at = |folder: &str, mode: u32, (name, text): (String, String)| {
        (fixed(&format!("{folder}/{name}")), text, mode)
    };
    match renderer {
        Renderer::Networkd => {
            let multicast_dns = super::resolver::is_multicast(config, draft.facts);
            let files = networkd::render(network, networkd::Extras { multicast_dns });
            files.into_iter().map(|file| at(networkd::FOLDER, 0o644, file)).collect()
        }
        Renderer::NetworkManager => {
            let (files, lost) = network_manager::render(network);
            for (interface, key) in lost {
                let text = format!("{interface}: NetworkManager has nothing for {key}");
                draft.find(Finding::warning("not-with-networkmanager", FILE, text));
            }
            let links = networkd::links(network);
            let links = links.into_iter().map(|file| at(networkd::FOLDER, 0o644, file));
            let files = files.into_iter().map(|file| at(network_manager::FOLDER, 0o600, file));
            links.chain(files).collect()
        }
    }
}
