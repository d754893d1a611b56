'use strict';

const hook = require('./hook');

module.exports = hook({
  key: 'stage_changed',
  noun: 'Stage',
  label: 'Stage Changed',
  description: 'Triggers when a contact reaches another lifecycle stage.',
  event: 'contact.stage_changed',
  fields: [
    { key: 'previous_stage', label: 'Previous stage' },
    { key: 'connection', label: 'Where it changed' },
  ],
  sample: { stage: 'mql', previous_stage: 'lead', connection: 'crm' },
});
