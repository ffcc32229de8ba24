//! QEMU's arguments: the devices that Lima gives a guest, in its order, so that what works here works
//! there. Left out is what no test looks at: graphics, sound, USB.

use std::path::Path;

use super::base::Base;
use super::machine::{Machine, Share};
use super::seed::MountType;

const MEMORY: &str = "1024";

/// All arguments for one boot of a machine.
pub fn args(machine: &Machine, mac: &str, serial: &Path) -> Vec<String> {
    let mut args = Args::default();
    args.add([
        "-nodefaults",
        "-no-user-config",
        "-display",
        "none",
        "-machine",
        machine.arch.machine(),
    ]);
    args.add(machine.accel.args());
    args.add(["-smp", "2", "-m", MEMORY]);
    args.pair("-kernel", show(&machine.image.kernel()));
    args.pair("-initrd", show(&machine.image.initrd()));
    args.pair("-append", Base::cmdline(machine.arch));
    args.pair("-drive", format!("file={},if=virtio,discard=unmap", show(&machine.disk())));
    for disk in &machine.disks {
        args.pair("-drive", format!("file={},if=virtio,discard=on", show(disk)));
    }
    seed(&mut args, &machine.path("seed.iso"));
    network(&mut args, mac);
    args.add(["-device", "virtio-rng-pci"]);
    sockets(&mut args, machine, serial);
    ports(&mut args, machine);
    shares(&mut args, machine);
    args.0
}

/// The seed is a CD-ROM on a virtio SCSI controller; without one the drive is empty.
fn seed(args: &mut Args, iso: &Path) {
    let device = if iso.exists() {
        args.pair("-drive", format!("id=cdrom0,if=none,format=raw,readonly=on,file={}", show(iso)));
        "scsi-cd,bus=scsi0.0,drive=cdrom0"
    } else {
        "scsi-cd,bus=scsi0.0"
    };
    args.add(["-device", "virtio-scsi,id=scsi0", "-device", device]);
}

/// Host .2, name server .3, guest .15; QEMU chooses a free port on 127.0.0.1 for the guest's 22.
fn network(args: &mut Args, mac: &str) {
    let net = "user,id=net0,net=192.168.5.0/24,dhcpstart=192.168.5.15,hostfwd=tcp:127.0.0.1:0-:22";
    args.add(["-netdev", net]);
    args.pair("-device", format!("virtio-net-pci,netdev=net0,romfile=,mac={mac}"));
}

fn sockets(args: &mut Args, machine: &Machine, serial: &Path) {
    let console = show(&machine.path("console.sock"));
    let log = show(serial);
    args.pair(
        "-chardev",
        format!("socket,id=serial,path={console},server=on,wait=off,logfile={log}"),
    );
    args.add(["-serial", "chardev:serial"]);
    let qmp = show(&machine.path("qmp.sock"));
    args.pair("-qmp", format!("unix:{qmp},server=on,wait=off"));
}

/// As Lima gives them to its agent on Windows.
fn ports(args: &mut Args, machine: &Machine) {
    if !machine.ports.is_empty() {
        args.add(["-device", "virtio-serial-pci"]);
    }
    for name in &machine.ports {
        let path = show(&machine.port_socket(name));
        args.pair("-chardev", format!("socket,path={path},server=on,wait=off,id={name}"));
        args.pair("-device", format!("virtserialport,chardev={name},name={name}"));
    }
}

fn shares(args: &mut Args, machine: &Machine) {
    let mut virtiofs = machine.shares.iter().filter(|s| s.kind == MountType::Virtiofs).peekable();
    let vsock = machine.vsock_socket();
    if virtiofs.peek().is_some() || vsock.exists() {
        // virtiofsd and the vsock device read and write the guest's memory themselves.
        args.pair("-object", format!("memory-backend-memfd,id=mem,size={MEMORY}M,share=on"));
        args.add(["-numa", "node,memdev=mem"]);
    }
    for Share { tag, .. } in virtiofs {
        let socket = show(&machine.path(&format!("{tag}.sock")));
        args.pair("-chardev", format!("socket,id={tag},path={socket}"));
        args.pair("-device", format!("vhost-user-fs-pci,queue-size=1024,chardev={tag},tag={tag}"));
    }
    if vsock.exists() {
        args.pair("-chardev", format!("socket,id=vsock,path={}", show(&vsock)));
        args.add(["-device", "vhost-user-vsock-pci,chardev=vsock"]);
    }
    for Share { tag, folder, .. } in machine.shares.iter().filter(|s| s.kind == MountType::NineP) {
        let path = show(folder);
        args.pair("-virtfs", format!("local,mount_tag={tag},path={path},security_model=none"));
    }
}

/// A path as QEMU reads it inside an option, where a comma ends the value unless doubled.
fn show(path: &Path) -> String {
    path.display().to_string().replace(',', ",,")
}

#[derive(Default)]
struct Args(Vec<String>);

impl Args {
    fn add<const N: usize>(&mut self, args: [&str; N]) {
        self.0.extend(args.map(str::to_owned));
    }

    fn pair(&mut self, name: &str, value: String) {
        self.0.extend([name.to_owned(), value]);
    }
}
