# The boot agent and the guest agent. What Lima needs of a NixOS guest beyond its two programs is not
# here yet.
{
  config,
  lib,
  ...
}:
let
  cfg = config.services.nixvm-agent;
in
{
  imports = [ ./logins.nix ];

  options.services.nixvm-agent = {
    enable = lib.mkEnableOption "nixvm-agent, which applies a Lima or NoCloud seed at boot";

    package = lib.mkOption {
      type = lib.types.package;
      description = "The package with nixvm-agent, nixvm-guestagent and their units.";
    };
  };

  config = lib.mkIf cfg.enable {
    assertions = [
      {
        assertion = !(config.services.cloud-init.enable or false);
        message = ''
          services.nixvm-agent.enable and services.cloud-init.enable both apply the same seed.
          Set services.cloud-init.enable = false.
        '';
      }
    ];

    environment.systemPackages = [ cfg.package ];
    systemd.packages = [ cfg.package ];
    # NixOS ignores [Install] in the units of packages.
    systemd.services = lib.genAttrs [
      "nixvm-agent-local"
      "nixvm-agent-early"
      "nixvm-agent-late"
      "nixvm-guestagent"
    ] (_: { wantedBy = [ "multi-user.target" ]; });
  };
}
