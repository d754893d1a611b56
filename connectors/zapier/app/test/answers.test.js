'use strict';

// What the app sends, and what a user is told, for answers that a healthy API gives seldom.

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { App, failure, stub, zapier } = require('./kit');

const KEY = 'sb_1_key';
const { upsert_contact } = App.creates;
const input = { inputData: { email: 'ada@example.com' } };

const answered = async (answer, part = upsert_contact.operation.perform, bundle = input) => {
  const api = await stub(answer);
  try {
    return { ...(await failure(zapier(api.url, KEY)(part, bundle))), seen: api.seen };
  } finally {
    api.close();
  }
};

const sent = async (part, bundle, said = { id: '1' }) => {
  const api = await stub({ said });
  try {
    await zapier(api.url, KEY)(part, bundle);
    return api.seen[0];
  } finally {
    api.close();
  }
};

test('a request carries the key, says that it is Zapiers, and what was left empty is not in it', async () => {
  const inputData = { email: 'ada@example.com', phone: '', company: null, tags: [], custom: {}, last_name: undefined };
  const { method, url, headers, body } = await sent(upsert_contact.operation.perform, { inputData });
  assert.deepEqual([method, url, headers.authorization], ['POST', '/v1/contacts', `Bearer ${KEY}`]);
  assert.equal(headers['user-agent'], 'Zapier');
  assert.equal(headers['idempotency-key'], undefined);
  assert.deepEqual(JSON.parse(body), { email: 'ada@example.com' });
});

test('zero and no are values', async () => {
  const { body } = await sent(App.creates.send_conversion.operation.perform, { inputData: { name: 'Lead', value: 0 } });
  assert.deepEqual(JSON.parse(body), { name: 'Lead', value: 0 });
});

for (const status of [429, 503]) {
  test(`after a ${status} Zapier tries again when the API says so`, async () => {
    const said = { message: 'a sync is at work', code: 'SB-BUSY' };
    const { name, message, delay } = await answered({ status, said, headers: { 'Retry-After': '17' } });
    assert.deepEqual([name, message, delay], ['ThrottledError', 'a sync is at work', 17]);
  });

  test(`or after a ${status} when it thinks best, where nothing is said that can be read`, async () => {
    for (const headers of [{}, { 'Retry-After': 'Thu, 26 Nov 2026 10:00:00 GMT' }]) {
      const { name, delay } = await answered({ status, headers });
      assert.deepEqual([name, delay], ['ThrottledError', undefined]);
    }
  });
}

test('a key that was revoked ends the connection, in the words of the API', async () => {
  const { name, message } = await answered({ status: 401, said: { message: 'this key was revoked', code: 'SB-API-KEY' } });
  assert.equal(name, 'ExpiredAuthError');
  assert.match(message, /this key was revoked/);
});

for (const status of [400, 403, 404, 422, 500]) {
  test(`of a ${status} the user reads the sentence of the API`, async () => {
    const { name, message, code } = await answered({ status, said: { message: 'give an address', code: 'SB-API-FIELD' } });
    assert.deepEqual([name, message, code], ['AppError', 'give an address', 'SB-API-FIELD']);
  });
}

test('a page of something else in between is no answer, whatever its status', async () => {
  for (const status of [200, 502]) {
    const { name, message } = await answered({ status, said: '<html>', headers: { 'Content-Type': 'text/html' } });
    assert.equal(name, 'AppError');
    assert.match(message, new RegExp(`HTTP ${status} came instead of an answer`));
  }
});

test('the key is not carried on to where the address points', async () => {
  const elsewhere = await stub({ said: { connection: 'x' } });
  const { message, seen } = await answered({ status: 302, headers: { Location: elsewhere.url } }, App.authentication.test, {});
  elsewhere.close();
  assert.match(message, /HTTP 302/);
  assert.deepEqual([seen.length, elsewhere.seen.length], [1, 0]);
});

test('an address that is none, or would send the key in the open, is refused with what to write', async () => {
  for (const [address, said] of [['hooks', /is no address/], ['', /is no address/], ['http://hooks.example.com', /https:/]]) {
    assert.match((await failure(zapier(address, KEY)(App.authentication.test))).message, said);
  }
});

test('a subscription that is gone is as good as ended, and one that the API cannot end is said', async () => {
  const { performUnsubscribe } = App.triggers.stage_changed.operation;
  for (const status of [204, 404, 410]) {
    const api = await stub({ status, said: status === 204 ? '' : { message: 'gone' } });
    await zapier(api.url, KEY)(performUnsubscribe, { subscribeData: { id: 'sub/1' } });
    api.close();
    assert.deepEqual([api.seen[0].method, api.seen[0].url], ['DELETE', '/v1/subscriptions/sub%2F1']);
  }
  const { name } = await answered({ status: 500 }, performUnsubscribe, { subscribeData: { id: 'sub_1' } });
  assert.equal(name, 'AppError');
});

test('a replayed conversion has the same key whatever the order of its fields, another one or that of another Zap another', async () => {
  const key = async (inputData, zap) => {
    const bundle = { inputData: { name: 'Purchase', ...inputData }, meta: { zap: { id: zap } } };
    return (await sent(App.creates.send_conversion.operation.perform, bundle)).headers['idempotency-key'];
  };
  const same = [
    await key({ email: 'a@example.com', custom: { a: '1', b: '2' } }, 1),
    await key({ custom: { b: '2', a: '1' }, email: 'a@example.com', phone: '' }, 1),
  ];
  assert.match(same[0], /^[0-9a-f]{64}$/);
  assert.equal(same[0], same[1]);
  const others = [
    await key({ email: 'b@example.com', custom: { a: '1', b: '2' } }, 1),
    await key({ email: 'a@example.com', custom: { a: '1', b: '2' } }, 2),
    await key({ email: 'a@example.com', custom: { a: '1', b: '3' } }, 1),
  ];
  assert.equal(new Set([same[0], ...others]).size, 4);
});

test('what is accepted for later is an answer too', async () => {
  const api = await stub({ status: 202, said: { id: 'msg_1', status: 'accepted' } });
  assert.deepEqual(await zapier(api.url, KEY)(upsert_contact.operation.perform, input), { id: 'msg_1', status: 'accepted' });
  api.close();
});

test('Zapier refuses a search that answers no list, stages without an id, and messages that are not told apart', async () => {
  const { searches, triggers } = App;
  const refused = [
    await answered({ said: { id: '1' } }, searches.find_contact.operation.perform),
    await answered({ said: [{ label: 'Lead' }] }, triggers.stages.operation.perform, {}),
    await failure(
      zapier('http://127.0.0.1:1', KEY)(triggers.stage_changed.operation.perform, {
        cleanedRequest: [{ id: 'msg_1' }, { id: 'msg_1' }],
      }),
    ),
  ];
  assert.deepEqual(refused.map(({ name }) => name), ['CheckError', 'CheckError', 'CheckError']);
});
