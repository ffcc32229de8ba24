# Logins on a guest of Lima: the variables of the host, its colours, and mounts that it makes through
# the user's sshfs. NixOS owns the files that these are set in elsewhere, so the agent writes its part
# to /run at each boot and these rules read it.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  # What has a session that a person or a script sees.
  services = [
    "login"
    "sshd"
    "sudo"
    "systemd-user"
  ];

  readVariables = name: {
    rules.session.nixvm = {
      # After the rule with the variables of the system: what Lima says is said for this guest.
      order = config.security.pam.services.${name}.rules.session.env.order + 10;
      # A guest that is not Lima's has no such file.
      control = "optional";
      modulePath = "${pkgs.linux-pam}/lib/security/pam_env.so";
      settings = {
        conffile = "/dev/null";
        envfile = "/run/nixvm-agent/environment";
      };
    };
  };
in
{
  config = lib.mkIf config.services.nixvm-agent.enable {
    security.pam.services = lib.genAttrs services readVariables;

    # For shells that no session of PAM started, for example `machinectl shell`.
    environment.extraInit = ''
      if [ -r /run/nixvm-agent/environment.sh ]; then
        . /run/nixvm-agent/environment.sh
      fi
    '';

    # `limactl shell` sends it. The setting adds up, and must stand before any Match block.
    services.openssh.extraConfig = lib.mkBefore "AcceptEnv COLORTERM";

    # Reverse-sshfs mounts as the user, and everybody is to see the files.
    programs.fuse.userAllowOther = lib.mkDefault true;
  };
}
