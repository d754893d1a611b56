'use strict';

// The whole app against a running API, as a Zap would use it:
//
//   STAGEBRIDGE_URL      where `stagebridge serve` answers
//   STAGEBRIDGE_KEY      a key of its Zapier connection, which has `custom: {plan: text}`
//   STAGEBRIDGE_TARGET   an address that may subscribe there, if not one of hooks.zapier.com

const assert = require('node:assert/strict');
const { randomBytes } = require('node:crypto');
const { test } = require('node:test');

const { App, failure, somebody, zapier } = require('./kit');

const { STAGEBRIDGE_URL: url, STAGEBRIDGE_KEY: key } = process.env;
const target = process.env.STAGEBRIDGE_TARGET || `https://hooks.zapier.com/hooks/standard/1000001/${randomBytes(6).toString('hex')}/`;
const skip = url && key ? false : 'set STAGEBRIDGE_URL and STAGEBRIDGE_KEY';
const run = zapier(url, key);
const hooks = Object.values(App.triggers).filter((trigger) => trigger.operation.type === 'hook');
const { upsert_contact, set_stage, send_conversion } = App.creates;
const perform = (part, inputData, bundle) => run(part.operation.perform, { inputData, ...bundle });

const asked = async (path) => {
  const answer = await fetch(`${url}${path}`, { headers: { Authorization: `Bearer ${key}` } });
  return answer.json();
};

test('a connection is tested, and labelled by what came back', { skip }, async () => {
  const me = await run(App.authentication.test);
  assert.equal(me.connection && typeof me.connection, 'string');
  assert.equal(me.key && typeof me.key, 'string');
});

test('the address may end with a slash or with the path of the API', { skip }, async () => {
  for (const more of ['/', '/v1', '/v1/']) {
    assert.ok((await zapier(`${url}${more}`, key)(App.authentication.test)).connection);
  }
});

test('a key that nobody knows is told from every other failure', { skip }, async () => {
  const { name, message } = await failure(zapier(url, 'sb_0_nobody')(App.authentication.test));
  assert.equal(name, 'ExpiredAuthError');
  assert.ok(message);
});

for (const trigger of hooks) {
  const { performList, performSubscribe, performUnsubscribe, sample } = trigger.operation;

  test(`${trigger.key} subscribes, and unsubscribes as often as it is told to`, { skip }, async () => {
    const subscribeData = await run(performSubscribe, { targetUrl: target });
    assert.ok(subscribeData.id);
    const held = (await asked('/v1/subscriptions')).find((one) => one.id === subscribeData.id);
    assert.deepEqual([held.target_url, held.event], [target, sample.type]);
    assert.equal((await run(performSubscribe, { targetUrl: target })).id, subscribeData.id);
    await run(performUnsubscribe, { subscribeData, targetUrl: target });
    await run(performUnsubscribe, { subscribeData, targetUrl: target });
    assert.deepEqual((await asked('/v1/subscriptions')).filter((one) => one.id === subscribeData.id), []);
  });

  test(`${trigger.key} has samples of the shape that it describes, newest first, and takes a message as it comes`, { skip }, async () => {
    const listed = await run(performList);
    assert.ok(listed.length);
    for (const one of listed) {
      assert.deepEqual(Object.keys(one).sort(), Object.keys(sample).sort());
      assert.equal(one.type, sample.type);
    }
    const order = listed.map((one) => one.sequence);
    assert.deepEqual(order, [...order].sort((a, b) => b - a));
    assert.deepEqual(await run(trigger.operation.perform, { cleanedRequest: listed[0] }), [listed[0]]);
    assert.deepEqual(await run(trigger.operation.perform, { cleanedRequest: listed }), listed);
  });
}

test('nobody subscribes with an address that is not Zapiers', { skip }, async () => {
  const { name, message, status } = await failure(
    run(App.triggers.stage_changed.operation.performSubscribe, { targetUrl: 'https://evilzapier.com/hooks/standard/1/a/' }),
  );
  assert.deepEqual([name, status], ['AppError', 422]);
  assert.ok(message);
});

test('the dropdown has the stages in their order, each with an id and a label', { skip }, async () => {
  const stages = await run(App.triggers.stages.operation.perform);
  assert.ok(stages.length > 2);
  assert.ok(stages.every((stage) => stage.id && stage.label));
});

test('a contact is written, found, and written again as the same one', { skip }, async () => {
  const email = somebody();
  const made = await perform(upsert_contact, {
    email, first_name: 'Ada', last_name: '', tags: ['vip', 'beta'], custom: { plan: 'pro' }, stage: undefined,
  });
  assert.deepEqual([made.email, made.first_name], [email, 'Ada']);
  const [found, ...others] = await perform(App.searches.find_contact, { email });
  assert.deepEqual(others, []);
  assert.equal(found.id, made.id);
  assert.deepEqual(found.tags.split(', ').sort(), ['beta', 'vip']);
  assert.deepEqual(JSON.parse(found.custom), { plan: 'pro' });
  const again = await perform(upsert_contact, { email, first_name: 'Augusta' });
  assert.deepEqual([again.id, again.first_name], [made.id, 'Augusta']);
  assert.deepEqual(await perform(App.searches.find_contact, { id: made.id }), [again]);
  assert.deepEqual(Object.keys(found).sort(), Object.keys(upsert_contact.operation.sample).sort());
});

test('what a Zap says again counts again, after it was said otherwise in between', { skip }, async () => {
  const email = somebody();
  for (const first_name of ['Eve', 'Eva', 'Eve']) {
    assert.equal((await perform(upsert_contact, { email, first_name })).first_name, first_name);
  }
});

test('nobody is found where there is nobody', { skip }, async () => {
  assert.deepEqual(await perform(App.searches.find_contact, { email: somebody() }), []);
});

test('a search for nothing is refused before anybody is asked', { skip }, async () => {
  const { message } = await failure(perform(App.searches.find_contact, { email: '' }));
  assert.match(message, /e-mail address/);
});

test('a contact without an address is refused in the words of the API', { skip }, async () => {
  const { name, message, code, status } = await failure(perform(upsert_contact, { first_name: 'Ada' }));
  assert.deepEqual([name, status], ['AppError', 422]);
  assert.match(code, /^SB-/);
  assert.ok(message);
});

test('a stage is set from the dropdown, and a move backwards is held', { skip }, async () => {
  const email = somebody();
  const [first, , third] = await run(App.triggers.stages.operation.perform);
  await perform(upsert_contact, { email, stage: first.id });
  const moved = await perform(set_stage, { email, stage: third.id });
  assert.deepEqual([moved.email, moved.stage, moved.held], [email, third.id, false]);
  const back = await perform(set_stage, { email, stage: first.id });
  assert.deepEqual([back.stage, back.held], [third.id, true]);
  assert.deepEqual(Object.keys(back).sort(), Object.keys(set_stage.operation.sample).sort());
});

test('a stage that is none is refused', { skip }, async () => {
  const email = somebody();
  await perform(upsert_contact, { email });
  assert.equal((await failure(perform(set_stage, { email, stage: 'no-such-stage' }))).status, 422);
});

test('a conversion is recorded under its id, or under one that a replay has too', { skip }, async () => {
  const email = somebody();
  const id = `order-${randomBytes(6).toString('hex')}`;
  const named = await perform(send_conversion, { name: 'Purchase', id, email, value: 30.5, currency: 'EUR' });
  assert.deepEqual(named, { id, name: 'Purchase', status: 'accepted' });
  const first = await perform(send_conversion, { name: 'Purchase', email, value: 12, currency: 'EUR' });
  const replayed = await perform(send_conversion, { currency: 'EUR', value: 12, email, name: 'Purchase' });
  const another = await perform(send_conversion, { name: 'Purchase', email, value: 13, currency: 'EUR' });
  const zap2 = await perform(send_conversion, { name: 'Purchase', email, value: 12, currency: 'EUR' }, { meta: { zap: { id: 'zap-2' } } });
  assert.ok(first.id);
  assert.equal(first.id, replayed.id);
  assert.equal(new Set([first.id, another.id, zap2.id]).size, 3);
});
