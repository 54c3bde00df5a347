//! Loop devices: erofs before Linux 6.12 mounts block devices only.
#![expect(unsafe_code, reason = "loop devices are configured by ioctl")]

use std::{
    fs::File,
    os::fd::{AsFd, AsRawFd},
    path::PathBuf,
};

use crate::{Result, SysError};

/// How often a device that another process took first is given up for the next.
const ATTEMPTS: usize = 64;

/// A loop device; the kernel frees it with its last user (`LO_FLAGS_AUTOCLEAR`).
#[derive(Debug)]
pub struct LoopDevice {
    device: File,
    path: PathBuf,
}

impl LoopDevice {
    /// Binds the next free loop device to `backing`, read-only.
    ///
    /// # Errors
    /// When the machine has no loop devices or none can be had.
    pub fn attach(backing: impl AsFd) -> Result<Self> {
        let control = File::options()
            .read(true)
            .write(true)
            .open("/dev/loop-control")
            .map_err(|source| SysError {
                call: "open(\"/dev/loop-control\")".to_owned(),
                source,
            })?;
        let mut last = None;
        for _ in 0..ATTEMPTS {
            // SAFETY: the request takes no argument and returns the number of a free device.
            let number = unsafe { libc::ioctl(control.as_raw_fd(), LOOP_CTL_GET_FREE as _) };
            if number < 0 {
                return Err(SysError::last("ioctl(LOOP_CTL_GET_FREE)"));
            }
            let path = PathBuf::from(format!("/dev/loop{number}"));
            let device = File::open(&path).map_err(|source| SysError {
                call: format!("open({path:?})"),
                source,
            })?;
            match configure(&device, &backing) {
                Ok(()) => return Ok(Self { device, path }),
                Err(error) if error.errno() == Some(rustix::io::Errno::BUSY) => last = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(last.unwrap_or_else(|| SysError::new("ioctl(LOOP_CONFIGURE)", rustix::io::Errno::BUSY)))
    }

    /// Returns the path of the device.
    pub fn path(&self) -> &PathBuf {
        &self.path
    }

    /// Returns the open device, which keeps it bound.
    pub fn file(&self) -> &File {
        &self.device
    }
}

/// The kernel's `struct loop_config` (linux/loop.h), of which only three members are used.
#[repr(C)]
struct LoopConfig {
    fd: u32,
    block_size: u32,
    info: [u64; 29],
    reserved: [u64; 8],
}

/// Where `lo_flags` lies within `struct loop_info64`, in bytes.
const LO_FLAGS_OFFSET_BYTES: usize = 52;
const LO_FLAGS_READ_ONLY: u64 = 1;
const LO_FLAGS_AUTOCLEAR: u64 = 4;
const LOOP_CTL_GET_FREE: u32 = 0x4C82;
const LOOP_CONFIGURE: u32 = 0x4C0A;

fn configure(device: &File, backing: impl AsFd) -> Result<()> {
    let mut config = LoopConfig {
        fd: u32::try_from(backing.as_fd().as_raw_fd()).unwrap_or(u32::MAX),
        block_size: 0,
        info: [0; 29],
        reserved: [0; 8],
    };
    let flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR;
    // lo_encrypt_key_size and lo_flags share the seventh word; flags are its upper half in memory.
    let word = LO_FLAGS_OFFSET_BYTES / 8;
    if let Some(slot) = config.info.get_mut(word) {
        *slot = if cfg!(target_endian = "little") {
            flags << 32
        } else {
            flags
        };
    }
    // SAFETY: `config` has the size and layout of struct loop_config and lives for the call.
    let status = unsafe { libc::ioctl(device.as_raw_fd(), LOOP_CONFIGURE as _, &raw const config) };
    if status == -1 {
        return Err(SysError::last("ioctl(LOOP_CONFIGURE)"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;

    #[test]
    fn the_layout_is_the_kernels() {
        // sizeof(struct loop_config) is 304: 8, loop_info64 of 232, 8 reserved words.
        assert_eq!(size_of::<LoopConfig>(), 304);
    }

    #[test]
    fn privileged_loop_device_shows_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("image");
        std::fs::write(&path, vec![7_u8; 8192]).unwrap();
        let device = match LoopDevice::attach(File::open(&path).unwrap()) {
            Ok(device) => device,
            Err(error) => {
                println!("skipped: {error}");
                return;
            }
        };
        let mut block = [0_u8; 16];
        device.file().read_exact_at(&mut block, 4096).unwrap();
        assert_eq!(block, [7; 16]);
    }
}
