//! The formats and their names.

use std::path::Path;

use crate::Error;

/// A format that can be read and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// YAML, also by the name `y` or `yml`.
    Yaml,
    /// JSON, also by the name `j`.
    Json,
    /// TOML.
    Toml,
    /// INI, also by the name `i`.
    Ini,
    /// Java properties, by the names `props`, `p` and `properties`.
    Properties,
}

/// Formats of yq that are left out here, by their names and extensions.
const LEFT_OUT: &[&str] = &[
    "kyaml", "ky", "csv", "c", "tsv", "t", "xml", "x", "base64", "uri", "hcl", "h", "tf", "shell",
    "s", "sh", "lua", "l",
];

impl Format {
    /// The format with this name. Names of formats that only yq has are refused as such.
    pub fn from_name(name: &str) -> Result<Self, Error> {
        match name {
            "yaml" | "y" | "yml" => Ok(Self::Yaml),
            "json" | "j" => Ok(Self::Json),
            "toml" => Ok(Self::Toml),
            "ini" | "i" => Ok(Self::Ini),
            "props" | "p" | "properties" => Ok(Self::Properties),
            _ if LEFT_OUT.contains(&name) => Err(Error::unsupported(format!("format {name}"))),
            _ => Err(Error::Usage { reason: format!("unknown format `{name}`") }),
        }
    }

    /// The format that the extension of a file says; YAML if it says nothing known.
    pub fn from_path(path: &Path) -> Result<Self, Error> {
        let extension = path.extension().and_then(|extension| extension.to_str());
        let name = extension.unwrap_or("yaml").to_lowercase();
        match Self::from_name(&name) {
            Err(Error::Usage { .. }) => Ok(Self::Yaml),
            found => found,
        }
    }
}
