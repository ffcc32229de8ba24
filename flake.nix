{
  description = "Makes a Linux image, NixOS first, the best possible guest of any virtual machine host";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      inherit (nixpkgs) lib;
      systems = [
        "aarch64-linux"
        "x86_64-linux"
      ];
      eachSystem = make: lib.genAttrs systems (system: make nixpkgs.legacyPackages.${system});
    in
    {
      packages = eachSystem (
        pkgs:
        import ./nixos/packages { inherit pkgs; }
      );

      overlays.default = import ./nixos/overlay.nix;

      nixosModules = {
        default = self.nixosModules.agent;
        agent =
          { pkgs, ... }:
          {
            imports = [ ./nixos/modules/agent.nix ];
            services.nixvm-agent.package = lib.mkDefault self.packages.${pkgs.stdenv.hostPlatform.system}.default;
          };
      };

      formatter = eachSystem (pkgs: pkgs.nixfmt-rfc-style);
    };
}
