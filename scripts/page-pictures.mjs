/**
 * Makes docs/page-light.png and docs/page-dark.png: a switch with hosts that talk, and the page of it in Chromium, with a
 * routed packet traced and one that does not arrive explained. Needs the build and /usr/bin/chromium.
 */
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { chromium } from 'playwright-core';
import { root } from './setup.mjs';

const { readFields } = await import(join(root, 'dist', 'trace', 'read-frame.js'));

const PORT = 29_000;
const SECONDS = 12;
const GATEWAY = '02:00:00:00:0a:01';

/** A host behind the n-th port: its access VLAN (none: a trunk), its address, and whom it talks to. */
const HOSTS = [
  { name: 'desk1', vlan: 10, address: '10.0.10.11', talks: [1, 2] },
  { name: 'desk2', vlan: 10, address: '10.0.10.12', talks: [0] },
  { name: 'web', vlan: 20, address: '10.0.20.80', talks: [0] },
  { name: 'guest', vlan: 30, address: '10.0.30.7', talks: [] },
  { name: 'uplink', vlan: null, address: '10.0.10.99', talks: [0] },
];
const macOf = (n) => `02:00:00:00:00:${(n + 17).toString(16)}`;
const udp = (n) => ({ adapter: 'udp', local: `127.0.0.1:${PORT + n}`, remote: `127.0.0.1:${PORT + 50 + n}` });

const dir = mkdtempSync(join(tmpdir(), 'etherloom-pictures-'));
const CONFIG = {
  switch: { name: 'lab', controlSocket: join(dir, 'lab.sock') },
  vlans: { 10: { name: 'office' }, 20: { name: 'servers' }, 30: { name: 'guests' } },
  ports: {
    ...Object.fromEntries(
      HOSTS.map(({ name, vlan }, n) => [
        name,
        { ...udp(n), ...(vlan === null ? { mode: 'trunk', vlans: '10,20,30' } : { mode: 'access', vlan }) },
      ]),
    ),
    dc2: { adapter: 'vxlan', vxlan: { vtep: 'v0', vnis: { 10: 10010, 20: 10020 }, remotes: ['127.0.0.8'] } },
  },
  vteps: { v0: { local: '127.0.0.9', udpPort: PORT + 90 } },
  interfaces: {
    gw10: { vlan: 10, mac: GATEWAY, addresses: ['10.0.10.1/24'], neighbors: { '10.0.10.11': macOf(0) } },
    gw20: { vlan: 20, addresses: ['10.0.20.1/24'], neighbors: { '10.0.20.80': macOf(2) } },
  },
};

/** What host n sends to host m: within its VLAN, or by way of its gateway. */
function frame(n, m) {
  const [from, to] = [HOSTS[n], HOSTS[m]];
  const dst = from.vlan === to.vlan || from.vlan === null ? macOf(m) : GATEWAY;
  const tag = from.vlan === null ? 'vlan=10,' : '';
  return readFields(`dst=${dst},src=${macOf(n)},${tag}ip=${from.address}-${to.address}`);
}

const file = join(dir, 'lab.json');
writeFileSync(file, JSON.stringify(CONFIG));
const child = spawn(process.execPath, [join(root, 'bin', 'etherloom'), 'run', '-c', file, '--ui', '0'], {
  stdio: ['ignore', 'ignore', 'pipe'],
});
const sockets = HOSTS.map((_, n) => createSocket('udp4').bind(PORT + 50 + n, '127.0.0.1'));
let browser;
try {
  const address = await new Promise((found, failed) => {
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text) => {
      said += text;
      const page = /page (http\S+)/.exec(said);
      if (page !== null) found(page[1]);
    });
    child.once('exit', () => failed(new Error(said)));
  });
  const send = (n, bytes) => sockets[n].send(bytes, PORT + n, '127.0.0.1');
  let turn = 0;
  const timer = setInterval(() => {
    turn++;
    HOSTS.forEach(({ talks }, n) => {
      for (const m of talks) for (let i = 0; i <= (turn * (n + 3)) % 7; i++) send(n, frame(n, m));
    });
    if (turn % 10 === 1) send(3, readFields(`vlan=20,src=${macOf(3)},arp=10.0.30.7-10.0.20.80`));
    if (turn % 14 === 2) send(4, readFields(`vlan=40,src=02:00:00:00:00:c7`));
    if (turn % 5 === 3) send(4, readFields(`vlan=10,src=02:00:00:00:01:${(((turn / 5) % 12) | 0) + 16}`));
  }, 100);
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--headless', '--no-sandbox'] });
  const page = await browser.newPage({ viewport: { width: 1640, height: 950 }, colorScheme: 'light' });
  await page.goto(address);
  await page.waitForSelector('#picture [data-port="dc2"]');
  await setTimeout(SECONDS * 1000);
  /** When the answer has come in, stage by stage. */
  const picture = async (name) => {
    await setTimeout(3000);
    await page.screenshot({ path: join(root, 'docs', name) });
  };

  await page.selectOption('#port', 'desk1');
  await page.selectOption('#to', 'web');
  await page.fill('#fields', `dst=${GATEWAY},src=${macOf(0)},ip=10.0.10.11-10.0.20.80`);
  await page.click('#trace');
  await page.waitForSelector('#answer .verdict');
  await picture('page-light.png');

  await page.emulateMedia({ colorScheme: 'dark' });
  await page.selectOption('#port', 'guest');
  await page.fill('#fields', `src=${macOf(3)},arp=10.0.30.7-10.0.20.80`);
  await page.click('#explain');
  await page.waitForSelector('#answer .fix');
  await picture('page-dark.png');
  clearInterval(timer);
} finally {
  await browser?.close();
  child.kill('SIGTERM');
  for (const socket of sockets) socket.close();
  rmSync(dir, { recursive: true, force: true });
}
