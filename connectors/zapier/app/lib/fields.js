'use strict';

// What a contact has in every answer and message: one level, null where nothing is known.
const contactOutput = [
  { key: 'email', label: 'E-mail' },
  { key: 'phone', label: 'Phone' },
  { key: 'first_name', label: 'First name' },
  { key: 'last_name', label: 'Last name' },
  { key: 'company', label: 'Company' },
  { key: 'job_title', label: 'Job title' },
  { key: 'country', label: 'Country' },
  { key: 'language', label: 'Language' },
  { key: 'source', label: 'Source' },
  { key: 'tags', label: 'Tags' },
  { key: 'stage', label: 'Stage' },
  { key: 'stage_at', label: 'Stage since', type: 'datetime' },
  { key: 'lost_reason', label: 'Lost reason' },
  { key: 'custom', label: 'Custom fields (JSON)' },
];

const person = {
  email: 'ada@example.com',
  phone: '+442079460001',
  first_name: 'Ada',
  last_name: 'Lovelace',
  company: null,
  job_title: null,
  country: 'GB',
  language: 'en',
  source: null,
  tags: 'beta, vip',
  stage: 'lead',
  stage_at: '2026-11-26T10:00:00+00:00',
  lost_reason: null,
  custom: '{"plan": "pro"}',
};

const ID = '8b1f0000-0000-4000-8000-000000000001';

const contactSample = { id: ID, contact_id: ID, ...person, updated_at: '2026-11-26T10:00:00+00:00' };

const contactFields = [
  { key: 'id', label: 'ID', primary: true },
  { key: 'contact_id', label: 'Contact ID' }, // under the name that it has in messages
  ...contactOutput,
  { key: 'updated_at', label: 'Changed', type: 'datetime' },
];

// How a person is named; the API asks for one of them.
const email = { key: 'email', label: 'E-mail', helpText: 'An e-mail address or a phone number is needed.' };
const phone = { key: 'phone', label: 'Phone', helpText: 'With its country: +44 20 7946 0001.' };
const stage = { key: 'stage', label: 'Stage', dynamic: 'stages.id.label' };
const custom = { key: 'custom', label: 'Custom fields', dict: true };

module.exports = { contactFields, contactOutput, contactSample, custom, email, person, phone, stage };
