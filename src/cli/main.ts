/**
 * The command line: arguments to functions. Each command's work is in its own file and is loaded when it is
 * called, so that `etherloom --help` is quick and a replay never touches the addon.
 *
 * Exit status: 0 success, 1 failure, 2 bad usage or input. Errors are one line on stderr.
 */

import { Command, CommanderError, Help, Option } from 'commander';
import { POLL_MODES } from '../config/poll.ts';
import { MAX_WORKERS } from '../config/types.ts';
import { collect, listenAddress, PAGE_ADDRESS, wholeNumber } from './arguments.ts';
import { addCaptureCommand } from './commands/capture.ts';
import { addChangeCommands } from './commands/change.ts';
import { addDescribeCommands } from './commands/describe.ts';
import { type Finish, onSwitch } from './commands/on-switch.ts';
import { addTraceCommands } from './commands/trace.ts';
import { addWatchCommands } from './commands/watch.ts';
import { complain } from './complain.ts';
import { keepHeapSmall } from './small-heap.ts';
import { usageText } from './usage-text.ts';
import { version } from './version.ts';

/**
 * What stdout refused, or null. A reader that went away (`| head`) is no failure: the command goes on and cleans up
 * after itself; so it does on a full disk, and the status says it.
 */
function watchStdout(): () => Error | null {
  let failure: Error | null = null;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') failure ??= error;
  });
  return () => failure;
}

/** Runs the command line and resolves with the exit status. */
export async function main(args: string[]): Promise<number> {
  let status = 0;
  const stdoutFailure = watchStdout();
  process.stderr.on('error', () => {}); // nobody is left to be told
  const program = createProgram((result) => {
    status = result;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    status = error.exitCode === 0 ? 0 : 2;
  }
  await new Promise((resolve) => setImmediate(resolve)); // an error of the last write is told a moment later
  const failure = stdoutFailure();
  if (failure === null || status !== 0) return status;
  complain(process.stderr, `cannot write: ${failure.message}`);
  return 1;
}

const plainHelp = new Help();

/** What may be repeated begins with an empty list. */
function withoutEmpty(description: string): string {
  return description.replace(/ \(default: \[\]\)$/, '');
}

/** `finish` is given the exit status of a command that could be called. */
export function createProgram(finish: Finish): Command {
  const program = new Command('etherloom')
    .description('A VLAN-aware software switch: on TAP devices, on captures, as a library')
    .version(version)
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(usageText(text)) })
    .configureHelp({
      optionDescription: (option) => withoutEmpty(plainHelp.optionDescription(option)),
      argumentDescription: (argument) => withoutEmpty(plainHelp.argumentDescription(argument)),
    })
    .showSuggestionAfterError()
    .addHelpText(
      'after',
      '\nExamples:\n  etherloom run -c switch.yaml            # a switch\n  etherloom watch                         # how it goes\n' +
        '  etherloom plan -c new.yaml              # what a change would do; apply does it\n' +
        '  etherloom explain --port p1 --eth dst=02:00:00:00:00:02,vlan=20    # why a frame does not arrive\n',
    );

  program
    .command('run')
    .description('run a switch until SIGINT or SIGTERM')
    .option('-c, --config <file>', 'configuration, YAML or JSON')
    .option('--port <spec>', 'NAME=ADAPTER:DEVICE,KEY=VALUE… instead of a file; repeat for each port', collect, [])
    .option('--name <name>', 'name of the switch, where --port describes it')
    .option(
      '--workers <n>',
      'threads that forward, before switch.workers of the file; 1 without either',
      wholeNumber(1, MAX_WORKERS),
    )
    .addOption(
      new Option(
        '--poll <mode>',
        'how the forwarding thread waits for frames, where --port describes the switch',
      ).choices(POLL_MODES),
    )
    .addOption(
      new Option('--log <format>', 'text for people, or json: a structured line an event')
        .choices(['text', 'json'])
        .default('text'),
    )
    .option('--ui [host:port]', `serve a page for browsers; ${PAGE_ADDRESS} unless told`, listenAddress)
    .addHelpText(
      'after',
      '\nExample:\n  etherloom run --port p1=tap:tap1,access=10 --port p2=tap:tap2,trunk=10+20,native=1\n',
    )
    .action(async (o) => {
      keepHeapSmall();
      const { run } = await import('./run.ts');
      const ui = o.ui === true ? listenAddress(PAGE_ADDRESS) : o.ui;
      const { config, port: ports, name, workers, poll, log } = o;
      finish(await run({ config, ports, name, workers, poll, log, ui }));
    });

  program
    .command('replay')
    .description('put captures through a switch: captures and a ledger come out')
    .requiredOption('-c, --config <file>', 'configuration; its ports take captures in place of their adapters')
    .option('--in <port=capture>', 'what arrives on a port; repeat', collect, [])
    .requiredOption('--out <dir>', 'where PORT.pcap is written for every port that sent something')
    .option('--json', 'one JSON object on stdout')
    .addOption(
      new Option('--clock <clock>', 'packet: time of the capture; none: it stands still; wall: real time, paced')
        .choices(['packet', 'none', 'wall'])
        .default('packet'),
    )
    .option('--capture [filter]', 'record frames and what became of them in DIR/capture.pcapng')
    .option('--batch <frames>', 'frames processed together; the result is the same', wholeNumber(1, 256))
    .addHelpText(
      'after',
      '\nExample:\n  etherloom replay -c switch.yaml --in p1=a.pcap --in p2=b.pcapng --out out --json\n',
    )
    .action(async (o) => {
      const { replay } = await import('./replay.ts');
      finish(
        await replay({
          config: o.config,
          inputs: o.in,
          out: o.out,
          json: o.json === true,
          clock: o.clock,
          ...(o.batch === undefined ? {} : { batch: o.batch }),
          ...(o.capture === undefined ? {} : { capture: o.capture }),
        }),
      );
    });

  program
    .command('dissect <capture>')
    .description('what is in a capture: addresses, tags, VXLAN, frame by frame; - reads stdin')
    .option('--jsonl', 'one JSON object a frame')
    .option('--vxlan-port <port>', 'UDP port of VXLAN', wholeNumber(1, 65_535))
    .addHelpText(
      'after',
      '\nExamples:\n  etherloom dissect capture.pcap\n  zcat capture.pcap.gz | etherloom dissect - --jsonl\n',
    )
    .action(async (capture: string, o) => {
      const { dissect } = await import('./dissect.ts');
      finish(
        await dissect(
          capture,
          { jsonl: o.jsonl === true, ...(o.vxlanPort === undefined ? {} : { vxlanPort: o.vxlanPort }) },
          process.stdout,
        ),
      );
    });

  program
    .command('scenario <path...>')
    .description('run conformance scenarios, files or folders, on the real data plane')
    .option('--json', 'one JSON object on stdout')
    .addHelpText('after', '\nExample:\n  etherloom scenario fixtures/scenarios\n')
    .action(async (paths: string[], o) => {
      const { scenario } = await import('./scenario.ts');
      finish(await scenario(paths, { json: o.json === true }));
    });

  onSwitch(program.command('show [topic]'))
    .description(
      'tables of a running switch: ports, fdb, vlans, vrfs, interfaces, neighbors, routes, macvlan, ipvlan, mirrors, vteps, peers, vxlan-fdb, drops, samples, ledger, latency, workers, config',
    )
    .option('--vlan <vid>', 'fdb: only this VLAN', wholeNumber(1, 4094))
    .option('--port <name>', 'fdb: only this port')
    .option('--mac <address>', 'fdb: only this address')
    .option('--vrf <name>', 'interfaces, neighbors, routes: only of this VRF')
    .addHelpText(
      'after',
      '\nExamples:\n  etherloom show ports\n  etherloom show fdb --vlan 10 --port p1\n  etherloom show drops --json\n',
    )
    .action(async (topic: string | undefined, o) => {
      const { show } = await import('./show.ts');
      finish(await show(topic ?? '', { ...o, json: o.json === true }));
    });

  addTraceCommands(program, finish);

  program
    .command('import')
    .description("another switch's words as a configuration")
    .command('ios <file>')
    .description('Cisco IOS snippets: VLANs, switch ports, SVIs, sub-interfaces, static routes; - reads stdin')
    .addOption(
      new Option('--adapter <kind>', 'what the ports are attached to').choices(['tap', 'memory']).default('tap'),
    )
    .addHelpText('after', '\nExample:\n  etherloom import ios switch.txt > switch.yaml\n')
    .action(async (file: string, o) => {
      const { importIos } = await import('./import-ios.ts');
      finish(await importIos(file, { adapter: o.adapter }));
    });

  program
    .command('doctor')
    .description('ask a peer what it does, and say what does not work')
    .command('vxlan <peer>')
    .description('a VTEP: its port, checksums, reserved bits, path MTU; harmless probes to this address alone')
    .requiredOption('--vni <vni>', 'segment that is probed', wholeNumber(0, 0xffffff))
    .option('--target <address>', 'IPv4 or IPv6 address of a host in the segment; it is what answers')
    .option('--port <port>', 'UDP port of the VTEP', wholeNumber(1, 65_535), 4789)
    .option('--local <address>', 'address of this host to ask from')
    .option('--wait <ms>', 'how long an answer may take', wholeNumber(1, 60_000), 300)
    .option('--capture <file>', 'write what was sent and received, pcapng')
    .option('--json', 'JSON instead of text')
    .addHelpText(
      'after',
      '\nExample:\n  etherloom doctor vxlan 192.0.2.2 --vni 10 --target 10.0.0.2 --capture probes.pcapng\n',
    )
    .action(async (peer: string, o) => {
      const { doctorVxlan } = await import('./doctor.ts');
      finish(await doctorVxlan(peer, { ...o, json: o.json === true }));
    });

  addChangeCommands(program, finish);
  addWatchCommands(program, finish);
  addCaptureCommand(program, finish);
  addDescribeCommands(program, finish);

  program
    .command('bench <name...>')
    .description(
      'benchmarks beside their peers: S1 S2 S3 S4 S5 S6 S6n S7 S8 S9 S10 S11 S12 S13 S14 api routing change, all of them, or micro',
    )
    .option('--json', 'one JSON object a benchmark on stdout')
    .option('--rounds <n>', 'rounds of each', wholeNumber(1, 1000))
    .option('--seconds <n>', 'seconds a round', wholeNumber(1, 600))
    .addOption(
      new Option(
        '--clock <clock>',
        'of benchmarks in memory on one thread: wall, or processor, which other programs hardly disturb',
      )
        .choices(['wall', 'processor'])
        .default('wall'),
    )
    .option('--svg <file>', 'write a chart')
    .option('--out <dir>', 'write each as JSON and as a chart, and all as results.md')
    .addHelpText(
      'after',
      '\nExamples:\n  etherloom bench S1 S2 --rounds 5 --seconds 1\n  etherloom bench all --out out/bench\n',
    )
    .action(async (names: string[], o) => {
      const { runBench } = await import('./bench.ts');
      finish(await runBench(names, { ...o, json: o.json === true }));
    });

  program
    .command('demo')
    .description('four hosts, two VLANs, two switches: live with privileges, else by replay')
    .option('--replay', 'by replay even with privileges')
    .addHelpText('after', '\nExample:\n  etherloom demo --replay\n')
    .action(async (o) => {
      const { demo } = await import('./demo.ts');
      finish(await demo({ replay: o.replay === true }));
    });

  program
    .command('lab')
    .argument('[name]', 'which; the list of them when left out')
    .description('real Linux hosts around a switch, step by step: what is typed, what comes of it, and why')
    .option('--keep', 'leave it standing at the end, until Enter or Ctrl-C')
    .addHelpText('after', '\nExample:\n  etherloom lab layer-3-switch --keep\n')
    .action(async (name: string | undefined, o) => {
      const { lab } = await import('./lab.ts');
      finish(await lab(name, { keep: o.keep === true }));
    });
  return program;
}
