{
  'variables': {
    # node-gyp rebuild -C native -- -Dsanitize=address
    'sanitize%': '',
  },
  'targets': [
    {
      'target_name': 'loopback',
      'sources': ['<!@(ls binding/*.c loopback/*.c)'],
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
      ],
    },
  ],
}
