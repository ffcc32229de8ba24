//! What the instances are to be, in Lima's own words. The rig adds image and machine, and puts its
//! folder in the place of `SHARED`.

/// Everything at once. `PORT` is the host's end of a port that is always forwarded.
pub const ALL: &str = r#"mountType: 9p
mounts:
- {location: SHARED/written, mountPoint: /mnt/host, writable: true}
- {location: SHARED/fixed, mountPoint: /mnt/fixed}
- {location: "SHARED/with a blank", mountPoint: "/mnt/with a blank"}
additionalDisks:
- {name: fifteen-letters, format: true, fsType: ext4}
- {name: swap, format: true, fsType: swap}
user: {name: ada, comment: Ada Lovelace, uid: 501, home: /home/ada-of-macos}
env: {MOTTO: "two words = one"}
param: {color: deep blue}
portForwards:
- {guestPort: 7070, hostPort: PORT, static: true}
provision:
- mode: boot
  script: echo "$PARAM_color" >>/var/tmp/boot-runs
- mode: dependency
  script: |
    #!/bin/bash
    echo "$PARAM_color" >>/var/tmp/dependency-runs
- mode: data
  path: "{{.Home}}/.config/app/given"
  content: |
    given
  owner: "{{.User}}"
  permissions: 600
- mode: yq
  path: /etc/app/made.json
  expression: '.color = "{{.Param.color}}"'
- mode: system
  script: |
    #!/bin/sh
    echo "$LIMA_CIDATA_USER $PARAM_color $MOTTO" >>/var/tmp/system-runs
- mode: user
  script: |
    #!/usr/bin/env bash
    echo "$PARAM_color" >>~/user-runs
"#;

/// Shares that the host mounts through SSH.
pub const SSHFS: &str = r#"mountType: reverse-sshfs
mounts:
- {location: SHARED/written, mountPoint: /mnt/host, writable: true}
- {location: "SHARED/with a blank", mountPoint: "/mnt/with a blank"}
user: {name: ada, uid: 501}
"#;

/// As little of Lima as there can be, and a user whom sudo asks for a password.
pub const PLAIN: &str = r#"plain: true
user: {name: ada, passwordlessSudo: false}
portForwards:
- {guestPort: 7070, hostPort: PORT, static: true}
provision:
- mode: system
  script: |
    #!/bin/sh
    echo "$LIMA_CIDATA_USER" >>/var/tmp/system-runs
"#;
