//! Changes to accounts and groups that are there.

use super::{Accounts, REGULAR};

impl Accounts {
    /// Gives an account a password, by its hash.
    pub fn set_password(&mut self, name: &str, hash: &str, today: u64) {
        self.ensure_shadow(name, today);
        let Some(shadow) = &mut self.shadow else { return };
        shadow.edit(name, 1, |_| hash.as_bytes().to_vec());
        shadow.edit(name, 2, |_| today.to_string().into_bytes());
    }

    /// Whether there is a file for passwords.
    pub fn has_shadow(&self) -> bool {
        self.shadow.is_some()
    }

    /// Whether there is a group of this name.
    pub fn has_group(&self, name: &str) -> bool {
        self.group.has(name)
    }

    /// Adds a group of the system: an id below those of people, the highest free one, as
    /// `groupadd --system` takes it.
    pub fn add_system_group(&mut self, name: &str) {
        let gid = |fields: Vec<String>| fields.get(2).and_then(|gid| gid.parse::<u32>().ok());
        let taken: Vec<u32> = self.group.entries().filter_map(gid).collect();
        let free = (101..*REGULAR.start()).rev().find(|gid| !taken.contains(gid));
        self.group.push(&format!("{name}:x:{}:", free.unwrap_or(65533)));
        if let Some(gshadow) = &mut self.gshadow {
            gshadow.remove(name);
            gshadow.push(&format!("{name}:!::"));
        }
    }

    /// Makes a user a member of a group, if the group is there.
    pub fn join(&mut self, user: &str, group: &str) {
        let with = |members: &[u8]| {
            let is_in = members.split(|byte| *byte == b',').any(|member| member == user.as_bytes());
            match members {
                b"" => user.as_bytes().to_vec(),
                _ if is_in => members.to_vec(),
                _ => [members, user.as_bytes()].join(&b','),
            }
        };
        self.group.edit(group, 3, with);
        if let Some(gshadow) = &mut self.gshadow {
            gshadow.edit(group, 3, with);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts() -> Accounts {
        Accounts::new(
            b"ann:x:1000:1000::/home/ann:/bin/sh\n".to_vec(),
            b"adm:x:4:ann,bob\nwheel:x:998:bob\nlp:x:7:\n".to_vec(),
            Some(b"root:*:1:0:99999:7:::\nann:$6$x:1::::::\n".to_vec()),
            Some(b"wheel:!::\n".to_vec()),
        )
    }

    fn text(accounts: &Accounts, file: &str) -> String {
        let files = accounts.files();
        let (_, _, text) = files.iter().find(|(name, _, _)| *name == file).unwrap();
        String::from_utf8(text.to_vec()).unwrap()
    }

    #[test]
    fn a_member_is_added_once_and_a_missing_group_is_made_for_the_system() {
        let mut accounts = accounts();
        accounts.add_system_group("render");
        for group in ["adm", "wheel", "lp", "no-such", "render"] {
            accounts.join("ann", group);
            accounts.join("ann", group);
        }
        let group = "adm:x:4:ann,bob\nwheel:x:998:bob,ann\nlp:x:7:ann\nrender:x:999:ann\n";
        assert_eq!(text(&accounts, "/etc/group"), group);
        assert_eq!(text(&accounts, "/etc/gshadow"), "wheel:!::ann\nrender:!::ann\n");
    }

    #[test]
    fn a_password_replaces_what_was_there() {
        let mut accounts = accounts();
        accounts.set_password("ann", "$6$new", 20000);
        accounts.set_password("bob", "$6$new", 20000);
        let shadow =
            "root:*:1:0:99999:7:::\nann:$6$new:20000::::::\nbob:$6$new:20000:0:99999:7:::\n";
        assert_eq!(text(&accounts, "/etc/shadow"), shadow);
    }
}
