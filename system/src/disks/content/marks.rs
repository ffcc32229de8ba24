//! Marks that are always at the same place near the beginning of a device.

/// As far as marks of the table reach.
pub(super) const HEAD: usize = 0x11000;

/// Kind, place and bytes. Kinds are named as `blkid` names them.
pub(super) const MARKS: &[(&str, usize, &[u8])] = &[
    ("gpt", 512, b"EFI PART"),
    ("gpt", 4096, b"EFI PART"),
    ("xfs", 0, b"XFSB"),
    ("btrfs", 0x10040, b"_BHRfS_M"),
    ("crypto_LUKS", 0, b"LUKS\xba\xbe"),
    ("crypto_LUKS", 0x4000, b"SKUL\xba\xbe"),
    ("LVM2_member", 0, b"LABELONE"),
    ("LVM2_member", 512, b"LABELONE"),
    ("LVM2_member", 1024, b"LABELONE"),
    ("LVM2_member", 1536, b"LABELONE"),
    ("linux_raid_member", 0, &MD),
    ("linux_raid_member", 4096, &MD),
    ("iso9660", 0x8001, b"CD001"),
    ("udf", 0x8001, b"BEA01"),
    ("squashfs", 0, b"hsqs"),
    ("squashfs", 0, b"sqsh"),
    ("erofs", 1024, &[0xe2, 0xe1, 0xf5, 0xe0]),
    ("f2fs", 1024, &[0x10, 0x20, 0xf5, 0xf2]),
    ("ntfs", 3, b"NTFS    "),
    ("exfat", 3, b"EXFAT   "),
    ("ReFS", 3, b"ReFS\0\0\0\0"),
    ("BitLocker", 3, b"-FVE-FS-"),
    ("bcache", 0x1018, b"\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81"),
    ("bcachefs", 0x1018, b"\xc6\x85\x73\xf6\x66\xce\x90\xa9\xd9\x6a\x60\xcf\x80\x3d\xf7\xef"),
    ("jfs", 0x8000, b"JFS1"),
    ("reiserfs", 0x10034, b"ReIsEr"),
    ("gfs2", 0x10000, &[0x01, 0x16, 0x19, 0x70]),
    ("ocfs2", 0x2000, b"OCFSV2"),
    ("apfs", 32, b"NXSB"),
    ("ceph_bluestore", 0, b"bluestore block device"),
    ("stratis", 512, b"!Stra0tis\x86\xff\x02^\x41rh"),
    ("vdo", 0, b"dmvdo001"),
    ("DM_verity_hash", 0, b"verity\0\0"),
    ("DM_integrity", 0, b"integrt\0"),
    ("qcow2", 0, b"QFI\xfb"),
];

/// Mark of a RAID of the kernel's own, `0xa92b4efc`.
pub(super) const MD: [u8; 4] = [0xfc, 0x4e, 0x2b, 0xa9];

/// Whether these bytes stand there.
pub(super) fn has(bytes: &[u8], at: usize, mark: &[u8]) -> bool {
    bytes.get(at..).is_some_and(|rest| rest.starts_with(mark))
}
