// The platforms that get a binary with the package.

/** musl brings no headers of the kernel: those of the system come after its own. */
const KERNEL_HEADERS = '-idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu';

/** By name of their folder in prebuilds/; compilers as Debian's gcc, gcc-aarch64-linux-gnu and musl-tools call them. */
export const TARGETS = {
  'linux-x64-glibc': { compiler: 'x86_64-linux-gnu-gcc', arch: 'x64' },
  'linux-arm64-glibc': { compiler: 'aarch64-linux-gnu-gcc', arch: 'arm64' },
  'linux-x64-musl': { compiler: 'musl-gcc', arch: 'x64', env: { CFLAGS: KERNEL_HEADERS } },
};

/** The 2.x of glibc that a binary may ask for at most: that of the oldest system on which Node.js 20 runs. */
export const NEWEST_GLIBC = 28;
