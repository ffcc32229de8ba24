//! Where `kubectl` and kubeconfigs are looked for.

use super::kubectl::Kubectl;
use crate::watch::presence::Present;
use rustix::fs::{Access, access};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Besides those of `PATH`, which a service may not have.
const FOLDERS: [&str; 8] = [
    "/usr/local/bin",
    "/usr/bin",
    "/bin",
    "/run/current-system/sw/bin",
    "/opt/bin",
    "/snap/bin",
    "/var/lib/rancher/rke2/bin",
    "/var/lib/rancher/k3s/data/current/bin",
];
/// k3s may bring no `kubectl` of its own name.
const PROGRAMS: [&str; 2] = ["kubectl", "k3s"];
/// If `KUBECONFIG` is not set; the first that exists.
const CONFIGS: [&str; 3] =
    ["/etc/rancher/k3s/k3s.yaml", "/root/.kube/config.localhost", "/root/.kube/config"];

/// Paths that are watched.
#[derive(Clone, Debug)]
pub struct Places {
    /// Folders of programs, best first.
    pub folders: Vec<PathBuf>,
    /// `KUBECONFIG`, if it is set.
    pub variable: Option<OsString>,
    /// Kubeconfigs otherwise, best first.
    pub configs: Vec<PathBuf>,
}

impl Places {
    /// Those of a real machine and of our environment.
    pub fn usual() -> Self {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut folders: Vec<_> = std::env::split_paths(&path).collect();
        folders.extend(FOLDERS.map(PathBuf::from));
        folders.retain(|folder| folder.is_absolute());
        let variable = std::env::var_os("KUBECONFIG").filter(|text| !text.is_empty());
        Self { folders, variable, configs: CONFIGS.map(PathBuf::from).into() }
    }

    /// All paths that matter.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.programs().chain(self.files()).collect()
    }

    /// The best of what is there; both must be.
    pub fn choose(&self, present: &Present) -> Option<Kubectl> {
        let executable = |path: &PathBuf| access(path.as_path(), Access::EXEC_OK).is_ok();
        let mut programs = self.programs().filter(|path| present.contains_key(path));
        let program = programs.find(executable)?;
        let owned = self.files().into_iter().find(|path| present.contains_key(path))?;
        let config = self.variable.clone().unwrap_or_else(|| owned.clone().into());
        Some(Kubectl { program, config, owned })
    }

    fn programs(&self) -> impl Iterator<Item = PathBuf> {
        PROGRAMS.iter().flat_map(|name| self.folders.iter().map(move |folder| folder.join(name)))
    }

    fn files(&self) -> Vec<PathBuf> {
        match &self.variable {
            Some(paths) => std::env::split_paths(paths).filter(|path| path.is_absolute()).collect(),
            None => self.configs.iter().map(|path| Path::new(path).to_owned()).collect(),
        }
    }
}
