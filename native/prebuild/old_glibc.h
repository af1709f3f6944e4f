/*
 * Included before every file of a prebuilt glibc binary (`old_glibc` in binding.gyp), so that it also runs where glibc
 * is older than at the builder's: from 2.28 on, as Node.js 20 does. glibc 2.34 moved these functions into libc.so and
 * gave them that version; the functions are the old ones, and a system's own libpthread.so and libdl.so, which Node.js
 * has loaded, answer to the old version, too.
 */
#if defined(__x86_64__)
#define RSM_SINCE(x86_64) "GLIBC_" x86_64
#elif defined(__aarch64__)
#define RSM_SINCE(x86_64) "GLIBC_2.17" /* the first glibc of this architecture */
#else
#error "which glibc was the first of this architecture?"
#endif

#define RSM_OLD(name, x86_64) __asm__(".symver " #name ", " #name "@" RSM_SINCE(x86_64))

RSM_OLD(dlerror, "2.2.5");
RSM_OLD(dlopen, "2.2.5");
RSM_OLD(dlsym, "2.2.5");
RSM_OLD(dlvsym, "2.2.5");
RSM_OLD(pthread_attr_setstacksize, "2.2.5");
RSM_OLD(pthread_condattr_setclock, "2.3.3");
RSM_OLD(pthread_create, "2.2.5");
RSM_OLD(pthread_join, "2.2.5");
RSM_OLD(pthread_once, "2.2.5");
RSM_OLD(pthread_setname_np, "2.12");
RSM_OLD(pthread_sigmask, "2.2.5");
