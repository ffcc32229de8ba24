//! `ds=nocloud;key=value`: a seed in the kernel command line or in the SMBIOS serial number.

/// What such a token gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    /// Keys of the meta-data; one without `=` has no value.
    pub(super) pairs: Vec<(String, Option<String>)>,
    /// The dsmode that the token means, unless it names one itself.
    pub(super) dsmode: Option<&'static str>,
}

/// The last token `ds=nocloud` in the text, or the last `ds=nocloud-net` if there is none.
/// Letters count as they are; the token stands between blanks.
pub(super) fn token(text: &str) -> Option<Token> {
    ["ds=nocloud", "ds=nocloud-net"].into_iter().find_map(|id| {
        let behind = |word: &'_ str| -> Option<String> {
            let rest = word.strip_prefix(id)?;
            (rest.is_empty() || rest.starts_with(';')).then(|| rest.to_owned())
        };
        let rest = text.split_ascii_whitespace().filter_map(behind).next_back()?;
        Some(read(&rest, if id.ends_with("-net") { "net" } else { "local" }))
    })
}

fn read(rest: &str, default: &'static str) -> Token {
    let pairs: Vec<_> = rest.split(';').filter(|pair| !pair.is_empty()).map(pair).collect();
    let value = |key: &str| pairs.iter().rfind(|(name, _)| name == key).map(|(_, value)| value);
    let dsmode = match (value("dsmode"), value("seedfrom")) {
        (Some(_), _) => None,
        (None, Some(Some(from))) if super::seedfrom::is_remote(from) => Some("net"),
        (None, Some(Some(from))) if super::seedfrom::local_path(from).is_some() => Some("local"),
        (None, Some(Some(from))) if !from.is_empty() => None,
        _ => Some(default),
    };
    Token { pairs, dsmode }
}

/// `h`, `i` and `s` are short for the three usual keys.
fn pair(text: &str) -> (String, Option<String>) {
    let (key, value) = match text.split_once('=') {
        Some((key, value)) => (key, Some(value.to_owned())),
        None => (text, None),
    };
    let key = match key {
        "h" => "local-hostname",
        "i" => "instance-id",
        "s" => "seedfrom",
        key => key,
    };
    (key.to_owned(), value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_and_their_mode() {
        let table = [
            ("ro ds=nocloud quiet", Some((0, Some("local")))),
            ("ds=nocloud-net;h=a", Some((1, Some("net")))),
            ("ds=nocloud;s=http://x/;h=a", Some((2, Some("net")))),
            ("ds=nocloud;s=/seed", Some((1, Some("local")))),
            ("ds=nocloud;s=file:///seed", Some((1, Some("local")))),
            ("ds=nocloud;s=tftp://x", Some((1, None))),
            ("ds=nocloud;dsmode=net", Some((1, None))),
            ("ds=nocloudy", None),
            ("xds=nocloud", None),
            ("ds=NoCloud", None),
        ];
        for (text, want) in table {
            let got = token(text).map(|token| (token.pairs.len(), token.dsmode));
            assert_eq!(got, want, "{text:?}");
        }
    }

    #[test]
    fn the_last_token_counts() {
        let token = token("ds=nocloud;i=a ds=nocloud;i=b;flag").unwrap();
        let want = [("instance-id".to_owned(), Some("b".to_owned())), ("flag".to_owned(), None)];
        assert_eq!(token.pairs, want);
    }
}
