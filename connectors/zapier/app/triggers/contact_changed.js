'use strict';

const hook = require('./hook');

module.exports = hook({
  key: 'contact_changed',
  noun: 'Contact',
  label: 'New or Changed Contact',
  description: 'Triggers when a contact is new or one of its fields changes.',
  event: 'contact.changed',
  fields: [
    { key: 'changed', label: 'Changed fields' },
    { key: 'is_new', label: 'Is new', type: 'boolean' },
  ],
  sample: { changed: 'email, company', is_new: false },
});
