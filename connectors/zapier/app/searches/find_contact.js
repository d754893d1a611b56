'use strict';

const { call, filled } = require('../lib/api');
const { contactFields, contactSample, email, phone } = require('../lib/fields');

const perform = (z, bundle) => {
  const given = filled(bundle.inputData);
  const name = ['id', 'email', 'phone'].find((key) => key in given);
  if (!name) {
    throw new z.errors.Error('Give an e-mail address, a phone number or a contact ID to look for.', 'Search', 400);
  }
  return call(z, bundle, 'GET', '/v1/contacts', { params: { [name]: given[name] } });
};

module.exports = {
  key: 'find_contact',
  noun: 'Contact',
  display: {
    label: 'Find Contact',
    description: 'Finds a contact by contact ID, e-mail address or phone number: the first of these that is given.',
  },
  operation: {
    inputFields: [
      { ...email, helpText: 'Give one of these three.' },
      { ...phone },
      { key: 'id', label: 'Contact ID' },
    ],
    perform,
    outputFields: contactFields,
    sample: contactSample,
  },
};
