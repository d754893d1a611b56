'use strict';

// Whether Zapier would take the app: its own schema, and what that does not look at.

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { compileApp, validateApp } = require('zapier-platform-core/src/tools/schema');

const { App } = require('./kit');

const problems = (app) => validateApp(compileApp(app));
const actions = [...Object.values(App.triggers), ...Object.values(App.creates), ...Object.values(App.searches)];
const visible = actions.filter((action) => !action.display.hidden);

test('Zapier finds nothing wrong with the app', () => {
  assert.deepEqual(problems(App), []);
});

const replaced = (kind, key, part) => ({ ...App, [kind]: { ...App[kind], [key]: { ...App[kind][key], ...part } } });
const { performSubscribe, ...unsubscribed } = App.triggers.stage_changed.operation;
const { noun, ...nameless } = App.creates.set_stage;
for (const [what, broken] of Object.entries({
  'a trigger that is of no type': replaced('triggers', 'stage_changed', { operation: { ...unsubscribed, type: 'bell' } }),
  'a field that is of no type': replaced('searches', 'find_contact', {
    operation: { ...App.searches.find_contact.operation, inputFields: [{ key: 'email', type: 'address' }] },
  }),
  'a create without a noun': { ...App, creates: { ...App.creates, set_stage: nameless } },
  'a key that is none': { ...App, searches: { 'find-contact!': { ...App.searches.find_contact, key: 'find-contact!' } } },
  'a version that is none': { ...App, version: 'first' },
  'a pair whose create is not there': {
    ...App,
    searchOrCreates: { find_contact: { ...App.searchOrCreates.find_contact, create: 'nobody' } },
  },
})) {
  test(`and does find ${what}`, () => {
    assert.notDeepEqual(problems(broken), []);
  });
}

test('everything that a person sees has a sample, which shows what is described, no more and no less', () => {
  for (const { key, operation } of visible) {
    assert.deepEqual(Object.keys(operation.sample).sort(), operation.outputFields.map((f) => f.key).sort(), key);
  }
});

test('a change is told from the next one of the same person by the id of its message', () => {
  for (const trigger of Object.values(App.triggers).filter((t) => t.operation.type === 'hook')) {
    const primary = trigger.operation.outputFields.filter((f) => f.primary).map((f) => f.key);
    assert.deepEqual(primary, ['id']);
    assert.notEqual(trigger.operation.sample.id, trigger.operation.sample.contact_id);
  }
});

test('every dropdown is filled by a trigger that is there and hidden', () => {
  const dropdowns = actions.flatMap((a) => a.operation.inputFields || []).filter((f) => f.dynamic);
  assert.ok(dropdowns.length);
  for (const field of dropdowns) {
    assert.ok(App.triggers[field.dynamic.split('.')[0]].display.hidden, field.dynamic);
  }
});

test('no sample names a real person', () => {
  for (const { operation } of visible) {
    assert.match(operation.sample.email || 'ada@example.com', /@example\.com$/);
  }
});
