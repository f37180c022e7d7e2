/** The page in a real browser: what it shows, what can be asked, by mouse and keyboard, and who is let in. */

import { createSocket, type Socket } from 'node:dgram';
import { existsSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readFields } from '../../src/trace/read-frame.ts';
import { freePort } from '../free-port.ts';
import { PATIENCE_MS, until } from './netns.ts';
import type { SwitchProcess } from './switch-process.ts';
import { useBench } from './use.ts';

const CHROMIUM = '/usr/bin/chromium';
const here = existsSync(CHROMIUM);
if (!here) console.warn(`page.test.ts: no ${CHROMIUM}, the page is not tried`);

const ARGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

describe.skipIf(!here)('the page', () => {
  const bench = useBench('group');
  const hosts: { socket: Socket; to: number }[] = [];
  const problems: string[] = [];
  let sw: SwitchProcess;
  let browser: Browser;
  let page: Page;
  let address = '';

  /** A frame from the host behind the n-th port. */
  const send = (n: number, fields: string) =>
    new Promise<void>((done) => hosts[n].socket.send(readFields(fields), hosts[n].to, '127.0.0.1', () => done()));

  beforeAll(async () => {
    const ports: Record<string, object> = {};
    const away = async () => {
      const [local, remote] = [await freePort(), await freePort()];
      return { adapter: 'udp', local: `127.0.0.1:${local}`, remote: `127.0.0.1:${remote}` };
    };
    for (const [name, vlan] of [
      ['web', 10],
      ['mail', 10],
      ['db', 20],
    ] as const) {
      const socket = createSocket('udp4');
      await new Promise<void>((done) => socket.bind(0, '127.0.0.1', done));
      const to = await freePort();
      hosts.push({ socket, to });
      const remote = `127.0.0.1:${socket.address().port}`;
      ports[name] = { adapter: 'udp', local: `127.0.0.1:${to}`, remote, mode: 'access', vlan };
    }
    const config = {
      vlans: { 10: { name: 'red' }, 20: { name: 'blue' } },
      ports: { ...ports, nic: await away(), guest: await away(), twin: await away() },
      macvlan: { guests: { parent: 'nic', children: { guest: { macs: ['02:00:00:00:00:31'] } } } },
      ipvlan: { twins: { mode: 'l3', parent: 'gw', children: { twin: { addresses: ['10.0.20.9'] } } } },
      interfaces: { gw: { vlan: 20, addresses: ['10.0.20.1/24'] } },
    };
    sw = await bench.start(config, ['--ui', '0']);
    await until(() => /page http/.test(sw.log()), 'the page is served');
    address = /page (\S+)/.exec(sw.log())![1];
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGS, timeout: 180_000 });
    page = await browser.newPage({ viewport: { width: 1440, height: 950 }, colorScheme: 'light' });
    page.setDefaultTimeout(PATIENCE_MS);
    page.on('console', (message) => problems.push(message.text()));
    page.on('pageerror', (error) => problems.push(error.message));
    await page.goto(address);
    await page.waitForSelector('#picture [data-port="db"]');
  });

  afterAll(async () => {
    await browser?.close();
    for (const { socket } of hosts) socket.close();
  });

  const text = (selector: string) => page.locator(selector).textContent();

  it('keeps the token to itself and shows ports, VLANs and addresses', async () => {
    expect(page.url()).not.toContain('token');
    expect(await page.locator('#picture .port').count()).toBe(7);
    expect((await page.locator('#picture .bridge').allTextContents()).slice(1)).toEqual([
      'macvlan guests',
      'ipvlan twins',
    ]);
    expect(await page.locator('#picture .mark').count()).toBe(4); // the interface is on its VLAN
    expect(await page.locator('#picture .vlan').allTextContents()).toEqual(['10red', '20blue']);
    await send(0, 'src=02:00:00:00:00:01');
    await send(2, 'src=02:00:00:00:00:03');
    await page.waitForSelector('#entries >> text=02:00:00:00:00:01');
    await page.waitForSelector('#happened >> text=02:00:00:00:00:03 in VLAN 20 on db');
    await page.keyboard.press('/');
    await page.keyboard.type('db');
    await page.waitForSelector('#entries-count:text-is("one address")');
    expect(await text('#entries tbody')).toMatch(/^02:00:00:00:00:0320dbdynamic/);
    await page.fill('#search', '');
  });

  it('shows the way of a frame that is typed, by keyboard alone', async () => {
    await page.keyboard.press('Escape');
    await page.keyboard.press('t');
    await page.keyboard.press('Control+a');
    await page.keyboard.type('arp=10.0.0.1-10.0.0.2');
    await page.keyboard.press('Enter');
    await page.waitForSelector('#answer .verdict');
    expect(await page.locator('#answer .stages > li > b').allTextContents()).toEqual([
      'parse',
      'classify',
      'learn',
      'lookup',
      'egress',
    ]);
    expect(await text('#answer .verdict')).toBe('Delivered to mail.');
    expect(await page.locator('.port.leaves').getAttribute('data-port')).toBe('mail');
    expect(await page.locator('.flow').count()).toBe(1);
    await page.keyboard.press('Escape');
    expect(await page.locator('#answer > *, .flow').count()).toBe(0);
  });

  it('shows the way of a frame through a macvlan group', async () => {
    await page.selectOption('#port', 'guest');
    await page.fill('#fields', 'src=02:00:00:00:00:31');
    await page.click('#trace');
    await page.waitForSelector('#answer .verdict');
    expect(await text('#answer .verdict')).toBe('Delivered to nic.');
    expect(await page.locator('.port.leaves').getAttribute('data-port')).toBe('nic');
    expect([await page.locator('.flow').count(), await page.locator('.cross').count()]).toEqual([1, 0]);
    await page.keyboard.press('Escape');
    await page.selectOption('#port', 'web');
    await page.fill('#fields', 'arp=10.0.0.1-10.0.0.2');
  });

  it('explains what would have to be different', async () => {
    await page.selectOption('#to', 'db');
    await page.click('#explain');
    await page.waitForSelector('#answer .fix');
    expect(await text('#answer .verdict')).toBe('It does not reach db.');
    expect(await text('#answer .fix >> nth=0')).toContain('Delivered on db');
    expect(await text('#answer .fix pre >> nth=0')).toMatch(/^ports\.(db|web)\.vlan: (10|20)$/);
    await page.fill('#fields', 'vlan=nonsense');
    await page.click('#trace');
    await page.waitForSelector('#answer .error');
    expect(await text('#answer .error')).toContain('vlan: "nonsense" is not a number');
    problems.splice(0); // the browser reports the status 400
  });

  it('shows drops as they happen, and why', async () => {
    await send(0, 'vlan=30,src=02:00:00:00:00:01');
    const drop = '#samples button:has-text("INGRESS_FRAME_TYPE")';
    await page.waitForSelector(drop);
    await page.waitForSelector('#reasons li:has-text("INGRESS_FRAME_TYPE 1")');
    await page.focus(drop);
    await page.keyboard.press('Enter');
    await page.waitForSelector('#answer .verdict.dropped');
    expect(await text('#answer .verdict')).toContain('INGRESS_FRAME_TYPE');
    expect(await page.locator('.way .cross').count()).toBe(1);
  });

  it('explains a drop that the switch has forgotten under a storm of others', async () => {
    await page.keyboard.press('Escape');
    expect(await page.locator('#answer > *').count()).toBe(0);
    await page.evaluate('document.activeElement.blur()');
    await send(0, 'vlan=30,src=02:00:00:00:00:01');
    await page.waitForSelector('#reasons li:has-text("INGRESS_FRAME_TYPE 2")');
    await page.waitForSelector('#samples[data-chosen="null"] button[data-sample="2"]');
    const old = page.locator('#samples button:has-text("INGRESS_FRAME_TYPE")').last();
    await old.focus(); // the list stands still
    const id = await old.getAttribute('data-sample');
    for (let n = 0; n < 20; n++) await send(0, 'vlan=30,src=02:00:00:00:00:01');
    await page.waitForSelector('#reasons li:has-text("INGRESS_FRAME_TYPE 22")');
    expect(await old.getAttribute('data-sample')).toBe(id);
    await page.keyboard.press('Enter');
    await page.waitForSelector('#answer > *');
    expect(await text('#answer')).toContain('Dropped: INGRESS_FRAME_TYPE');
  });

  it('is light or dark, as the system is or as one likes', async () => {
    const theme = () => page.evaluate('document.documentElement.dataset.theme');
    const paper = () => page.evaluate('getComputedStyle(document.body).backgroundColor');
    expect(await theme()).toBe('light');
    const light = await paper();
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.waitForSelector('html[data-theme="dark"]');
    expect(await paper()).not.toBe(light);
    await page.click('#theme');
    expect(await theme()).toBe('light');
    expect(await paper()).toBe(light);
  });

  it('says when the switch is gone, and broke no rule of its own on the way', async () => {
    expect(problems).toEqual([]);
    const { origin } = new URL(address);
    const status = async (path: string, headers: Record<string, string> = {}) =>
      (await fetch(origin + path, { headers })).status;
    const authorization = `Bearer ${/token=(.+)/.exec(address)![1]}`;
    expect(await status('/')).toBe(200);
    expect(await status('/v1/ports')).toBe(401);
    expect(await status('/v1/ports', { authorization: `${authorization}x` })).toBe(401);
    expect(await status('/v1/ports', { authorization })).toBe(200);
    expect(await status('/v1/ports', { authorization, origin: 'http://elsewhere.example' })).toBe(403);
    expect(await status('/../package.json')).toBe(401);
    const post = await fetch(`${origin}/v1/counters/reset`, { method: 'POST', headers: { authorization } });
    expect(post.status).toBe(404);
    expect(await sw.stop()).toBe(0);
    await page.waitForSelector('#state:text-is("the switch does not answer")');
  });
});
