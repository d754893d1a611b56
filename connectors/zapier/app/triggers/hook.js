'use strict';

const { call } = require('../lib/api');
const { contactOutput, person } = require('../lib/fields');

const about = [
  { key: 'id', label: 'Message ID', primary: true }, // of the message, not the person: his next change is another item
  { key: 'type', label: 'Message type' },
  { key: 'timestamp', label: 'Time', type: 'datetime' },
  { key: 'sequence', label: 'Sequence', type: 'integer' },
  { key: 'contact_id', label: 'Contact ID' },
];

// A trigger that subscribes to one kind of message. `fields` and `sample` are what it has beside the contact.
const hook = ({ key, noun, label, description, event, fields, sample }) => ({
  key,
  noun,
  display: { label, description },
  operation: {
    type: 'hook',
    performSubscribe: (z, bundle) =>
      call(z, bundle, 'POST', '/v1/subscriptions', { body: { target_url: bundle.targetUrl, event } }),
    performUnsubscribe: (z, bundle) =>
      call(z, bundle, 'DELETE', `/v1/subscriptions/${encodeURIComponent(bundle.subscribeData.id)}`, { fine: [404, 410] }),
    perform: (z, bundle) => [].concat(bundle.cleanedRequest),
    performList: (z, bundle) => call(z, bundle, 'GET', `/v1/samples/${event}`, { params: { limit: 3 } }),
    outputFields: [...about, ...contactOutput, ...fields],
    sample: {
      id: 'msg_0f0000000001',
      type: event,
      timestamp: '2026-11-26T10:00:00+00:00',
      sequence: 17,
      contact_id: '8b1f0000-0000-4000-8000-000000000001',
      ...person,
      ...sample,
    },
  },
});

module.exports = hook;
