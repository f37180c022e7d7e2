{
  # One N-API addon, C only. Linux alone has TAP devices; elsewhere nothing is built.
  'variables': { 'werror%': 0 },
  'targets': [
    {
      'target_name': 'etherloom',
      'conditions': [
        ['OS=="linux"', {
          'sources': [
            'src/addon.c',
            'src/apart.c',
            'src/args.c',
            'src/burst.c',
            'src/clock.c',
            'src/frames.c',
            'src/interface.c',
            'src/owned.c',
            'src/packet.c',
            'src/poller.c',
            'src/privileges.c',
            'src/resident.c',
            'src/tap.c',
            'src/udp-coalesce.c',
            'src/udp-message.c',
            'src/udp-plain.c',
            'src/udp-receive.c',
            'src/udp-segment.c',
            'src/udp-send.c',
            'src/udp-socket.c',
            'src/uring.c',
            'src/unfinished.c',
            'src/xdp-open.c',
            'src/xdp-program.c',
            'src/xdp-read.c',
            'src/xdp-write.c',
          ],
          'defines': ['NAPI_VERSION=8', '_GNU_SOURCE'],
          'cflags': ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-fvisibility=hidden'],
          'conditions': [['werror==1', { 'cflags': ['-Werror'] }]],
        }, { 'type': 'none' }],
      ],
    },
  ],
}
