{
  'variables': {
    # node-gyp rebuild -C native -- -Dsanitize=address
    'sanitize%': '',
    # scripts/prebuild.mjs: also runs on a glibc older than the one here.
    'old_glibc%': 'false',
    # scripts/build-native.mjs: the headers of libfabric are there.
    'fabric%': 'false',
  },
  'target_defaults': {
    'defines': ['NAPI_VERSION=8'],
    'cflags': ['-O2', '-Wall', '-Wextra', '-fvisibility=hidden', '-pthread'],
    'cflags_c': ['-std=gnu11'],
    # Collections may finalize buffers after a worker, and with it the addon, has gone.
    'ldflags': ['-Wl,-z,nodelete', '-pthread'],
    'conditions': [
      ['sanitize!=""', {
        'cflags': ['-fsanitize=<(sanitize)', '-fno-omit-frame-pointer', '-g'],
        'ldflags': ['-fsanitize=<(sanitize)'],
      }],
      ['old_glibc=="true"', {
        'sources': ['prebuild/old_glibc.c'],
        'cflags': ['-include', '<(module_root_dir)/prebuild/old_glibc.h'],
      }],
    ],
  },
  'targets': [
    {
      'target_name': 'loopback',
      'sources': ['<!@(ls binding/*.c glue/*.c loopback/*.c)'],
    },
  ],
  'conditions': [
    ['fabric=="true"', {
      'targets': [
        {
          'target_name': 'fabric',
          'sources': ['<!@(ls fabric_binding/*.c fabric/*.c glue/*.c)', 'loopback/wait.c'],
        },
      ],
    }],
  ],
}
