/**
 * The switch's API as the page uses it.
 *
 * The token comes in the fragment of the address that the switch prints, which no server sees, and is kept for this
 * tab. Events are read with `fetch`, since EventSource sends no header.
 */

/** What the server did not answer, or why it did not. */
export class ApiError extends Error {}

const KEY = 'etherloom-token';

function token(): string {
  const given = /^#token=(.+)$/.exec(location.hash)?.[1];
  if (given !== undefined) {
    sessionStorage.setItem(KEY, given);
    history.replaceState(null, '', location.pathname);
  }
  return sessionStorage.getItem(KEY) ?? '';
}

const headers = { authorization: `Bearer ${token()}` };

export async function get<T>(path: string, query: Record<string, string> = {}): Promise<T> {
  const search = new URLSearchParams(query).toString();
  const response = await answered(`/v1/${path}${search === '' ? '' : `?${search}`}`);
  const body = (await response.json()) as T & { error?: string };
  if (!response.ok) throw new ApiError(body.error ?? `the switch answers ${response.status}`);
  return body;
}

async function answered(path: string, init: RequestInit = {}): Promise<Response> {
  try {
    return await fetch(path, { ...init, headers, cache: 'no-store' });
  } catch {
    throw new ApiError('the switch does not answer');
  }
}

export type Happening = { event: string } & Record<string, unknown>;

/** Calls `take` for every event until the stream ends; rejects when it cannot be had. */
export async function events(take: (event: Happening) => void): Promise<void> {
  const response = await answered('/v1/events');
  if (!response.ok || response.body === null) throw new ApiError(`no events: ${response.status}`);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value;
    const records = text.split('\n\n');
    text = records.pop()!;
    for (const record of records) {
      const data = /^data: (.*)$/m.exec(record)?.[1];
      if (data !== undefined) take(JSON.parse(data) as Happening);
    }
  }
}
