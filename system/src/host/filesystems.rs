//! The file systems that can be grown while they are mounted: how much of their device they use,
//! and the kernel's own calls for growing, so that no tool of theirs is needed.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

use rustix::fs::SeekFrom;
use rustix::ioctl::{Getter, Opcode, Setter, ioctl, opcode};

/// A file system that can be grown here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filesystem {
    Ext4,
    Xfs,
    Btrfs,
}

impl Filesystem {
    /// `None`: not here.
    pub(super) fn of(fstype: &str) -> Option<Self> {
        match fstype {
            "ext4" => Some(Self::Ext4),
            "xfs" => Some(Self::Xfs),
            "btrfs" => Some(Self::Btrfs),
            _ => None,
        }
    }

    /// How many bytes of `device` it uses. `folder` is one of its folders.
    pub(super) fn bytes(self, device: &File, folder: &File) -> io::Result<u64> {
        match self {
            Self::Ext4 => ext4_bytes(device),
            Self::Xfs => Ok(xfs_geometry(folder)?.bytes()),
            Self::Btrfs => Ok(btrfs_member(device)?.bytes),
        }
    }

    /// Grows it to the end of the device. Never shrinks.
    pub(super) fn grow(self, device: &File, folder: &File) -> io::Result<()> {
        let bytes = rustix::fs::seek(device, SeekFrom::End(0))?;
        if bytes <= self.bytes(device, folder)? {
            return Ok(());
        }
        match self {
            Self::Ext4 => grow_ext4(folder, bytes),
            Self::Xfs => grow_xfs(folder, bytes),
            Self::Btrfs => grow_btrfs(folder, btrfs_member(device)?.id),
        }
    }
}

/// Where the superblock of ext4 lies.
const EXT4_SUPERBLOCK: u64 = 1024;

/// Size of an ext4 file system from its superblock: 64-bit block count and block size.
fn ext4_bytes(device: &File) -> io::Result<u64> {
    let word = |offset: u64| -> io::Result<u64> {
        let mut bytes = [0; 4];
        device.read_exact_at(&mut bytes, EXT4_SUPERBLOCK + offset)?;
        Ok(u64::from(u32::from_le_bytes(bytes)))
    };
    let blocks = word(0x4)? | (word(0x150)? << 32);
    Ok(blocks.saturating_mul(1024 << word(0x18)?.min(6)))
}

/// `EXT4_IOC_RESIZE_FS`, `_IOW('f', 16, __u64)`: new size in blocks, on any file of the mount.
const EXT4_IOC_RESIZE_FS: Opcode = opcode::write::<u64>(b'f', 16);

fn grow_ext4(folder: &File, bytes: u64) -> io::Result<()> {
    let block_size = folder.metadata()?.blksize().max(1024);
    // SAFETY: the call reads one u64 through the pointer it is given.
    Ok(unsafe { ioctl(folder, Setter::<EXT4_IOC_RESIZE_FS, u64>::new(bytes / block_size)) }?)
}

/// `struct xfs_fsop_geom_v1` of `xfs_fs.h`. Asked of the mount, for XFS writes its superblock past
/// the page cache and late, so what is read from the device can be of before the growing.
#[repr(C)]
#[derive(Clone, Copy)]
struct XfsGeometry {
    block_size: u32,
    unused: [u32; 6],
    /// Largest part of the space for inodes, in percent.
    inode_percent: u32,
    data_blocks: u64,
    rest: [u64; 9],
}

impl XfsGeometry {
    fn bytes(&self) -> u64 {
        self.data_blocks.saturating_mul(u64::from(self.block_size))
    }
}

/// `struct xfs_growfs_data` of `xfs_fs.h`.
#[repr(C)]
struct XfsGrowth {
    data_blocks: u64,
    inode_percent: u32,
}

const XFS_IOC_FSGEOMETRY_V1: Opcode = opcode::read::<XfsGeometry>(b'X', 100);
const XFS_IOC_FSGROWFSDATA: Opcode = opcode::write::<XfsGrowth>(b'X', 110);

fn xfs_geometry(folder: &File) -> io::Result<XfsGeometry> {
    // SAFETY: the call fills one `xfs_fsop_geom_v1`, laid out as above; its size is in the opcode.
    Ok(unsafe { ioctl(folder, Getter::<XFS_IOC_FSGEOMETRY_V1, XfsGeometry>::new()) }?)
}

fn grow_xfs(folder: &File, bytes: u64) -> io::Result<()> {
    let now = xfs_geometry(folder)?;
    let growth = XfsGrowth {
        data_blocks: bytes / u64::from(now.block_size.max(1)),
        // Growing sets this too; it is to stay.
        inode_percent: now.inode_percent,
    };
    // SAFETY: the call reads one `xfs_growfs_data`, laid out as above.
    Ok(unsafe { ioctl(folder, Setter::<XFS_IOC_FSGROWFSDATA, XfsGrowth>::new(growth)) }?)
}

/// A device as a part of a btrfs, which may have several.
struct BtrfsMember {
    id: u64,
    bytes: u64,
}

/// Where the superblock of btrfs lies, and its magic number and the `dev_item` of the device in it.
const BTRFS_SUPERBLOCK: u64 = 0x1_0000;
const BTRFS_MAGIC: (u64, [u8; 8]) = (0x40, *b"_BHRfS_M");
const BTRFS_MEMBER: u64 = 0xc9;

fn btrfs_member(device: &File) -> io::Result<BtrfsMember> {
    let word = |offset: u64| -> io::Result<[u8; 8]> {
        let mut bytes = [0; 8];
        device.read_exact_at(&mut bytes, BTRFS_SUPERBLOCK + offset)?;
        Ok(bytes)
    };
    if word(BTRFS_MAGIC.0)? != BTRFS_MAGIC.1 {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "no superblock of btrfs"));
    }
    let id = u64::from_le_bytes(word(BTRFS_MEMBER)?);
    Ok(BtrfsMember { id, bytes: u64::from_le_bytes(word(BTRFS_MEMBER + 8)?) })
}

/// `struct btrfs_ioctl_vol_args` of linux/btrfs.h.
#[repr(C)]
struct BtrfsArgs {
    fd: i64,
    name: [u8; 4088],
}

const BTRFS_IOC_RESIZE: Opcode = opcode::write::<BtrfsArgs>(0x94, 3);

/// The new size is a text, `ID:max`.
fn grow_btrfs(folder: &File, id: u64) -> io::Result<()> {
    let mut args = BtrfsArgs { fd: 0, name: [0; 4088] };
    for (to, from) in args.name.iter_mut().zip(format!("{id}:max").bytes()) {
        *to = from;
    }
    // SAFETY: the call reads one `btrfs_ioctl_vol_args`, laid out as above, with a text that ends
    // with a NUL byte.
    Ok(unsafe { ioctl(folder, Setter::<BTRFS_IOC_RESIZE, BtrfsArgs>::new(args)) }?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kernel takes a call only with the size that its header gives.
    #[test]
    fn arguments_are_as_large_as_the_kernels() {
        assert_eq!(size_of::<XfsGeometry>(), 112);
        assert_eq!(size_of::<XfsGrowth>(), 16);
        assert_eq!(size_of::<BtrfsArgs>(), 4096);
    }
}
