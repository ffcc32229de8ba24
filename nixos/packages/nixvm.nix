{
  lib,
  rustPlatform,
}:
let
  root = ../..;
in
rustPlatform.buildRustPackage {
  pname = "nixvm";
  version = (lib.importTOML (root + "/Cargo.toml")).workspace.package.version;

  src = lib.fileset.toSource {
    inherit root;
    fileset = lib.fileset.unions [
      (root + "/Cargo.toml")
      (root + "/Cargo.lock")
      (root + "/clippy.toml")
      (root + "/agent")
      (root + "/guestagent")
      (root + "/system")
      (root + "/tests")
      (root + "/xtask")
    ];
  };
  cargoLock.lockFile = root + "/Cargo.lock";
  cargoBuildFlags = [
    "--package=nixvm-agent"
    "--package=nixvm-guestagent"
  ];
  buildType = "guest";

  # The golden cases and the daemon's tests need root, namespaces and images; they are the
  # repository's own CI.
  doCheck = false;

  # Units name the programs by the paths of other distributions.
  postInstall = ''
    install -Dm644 -t $out/lib/systemd/system agent/systemd/*.service guestagent/systemd/*.service
    substituteInPlace $out/lib/systemd/system/*.service --replace-fail /usr/bin/ $out/bin/
  '';

  meta = {
    description = "Boot agent and guest agent for Linux guests of Lima and any NoCloud host";
    license = lib.licenses.asl20;
    platforms = [
      "aarch64-linux"
      "x86_64-linux"
    ];
    mainProgram = "nixvm-agent";
  };
}
