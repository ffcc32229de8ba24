{ pkgs }:
let
  nixvm = pkgs.callPackage ./nixvm.nix { };
in
{
  inherit nixvm;
  default = nixvm;
}
