'use strict';

const { create } = require('../lib/api');
const { contactFields, contactSample, custom, email, phone, stage } = require('../lib/fields');

module.exports = {
  key: 'upsert_contact',
  noun: 'Contact',
  display: {
    label: 'Create or Update Contact',
    description: 'Writes a contact, found by e-mail address or phone number; empty fields change nothing.',
  },
  operation: {
    inputFields: [
      email,
      phone,
      { key: 'first_name', label: 'First name' },
      { key: 'last_name', label: 'Last name' },
      { key: 'company', label: 'Company' },
      { key: 'job_title', label: 'Job title' },
      { key: 'language', label: 'Language' },
      { key: 'country', label: 'Country', helpText: 'Two letters: `GB`.' },
      { key: 'source', label: 'Source' },
      stage,
      { key: 'tags', label: 'Tags', list: true },
      custom,
    ],
    perform: create('/v1/contacts'),
    outputFields: contactFields,
    sample: contactSample,
  },
};
