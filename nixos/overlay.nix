# Both programs and their units as one package.
final: _previous: {
  inherit (import ./packages { pkgs = final; }) nixvm;
}
