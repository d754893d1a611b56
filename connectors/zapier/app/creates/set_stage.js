'use strict';

const { create } = require('../lib/api');
const { contactFields, contactSample, email, phone, stage } = require('../lib/fields');

module.exports = {
  key: 'set_stage',
  noun: 'Stage',
  display: {
    label: 'Set Stage',
    description: 'Moves a contact to a lifecycle stage; a move backwards is held for a person to decide.',
  },
  operation: {
    inputFields: [email, phone, { ...stage, required: true }],
    perform: create('/v1/stages'),
    outputFields: [...contactFields, { key: 'held', label: 'Held for a person', type: 'boolean' }],
    sample: { ...contactSample, held: false },
  },
};
