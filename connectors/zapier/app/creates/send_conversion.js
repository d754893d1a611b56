'use strict';

const { call, filled, replayKey } = require('../lib/api');
const { custom, email, phone } = require('../lib/fields');

// What happened, happened once: a replayed Zap must not count it again. What is said of a person (the other actions) has no
// such key: a stage that is set again, after somebody else changed it, has to count again.
const perform = (z, bundle) => {
  const body = filled(bundle.inputData);
  return call(z, bundle, 'POST', '/v1/conversions', { body, headers: { 'Idempotency-Key': replayKey(bundle, body) } });
};

module.exports = {
  key: 'send_conversion',
  noun: 'Conversion',
  display: {
    label: 'Send Conversion',
    description: 'Records a conversion, such as a purchase, and has it sent where your rules say.',
  },
  operation: {
    inputFields: [
      { key: 'name', label: 'Name', required: true, placeholder: 'Purchase', helpText: '`Purchase`, `Lead`, or a name of your own.' },
      {
        key: 'id',
        label: 'ID',
        helpText: 'What tells it from others, such as the order number. Without one, two that are alike in every field count as one.',
      },
      email,
      phone,
      { key: 'at', label: 'When', type: 'datetime', helpText: 'Now, if left empty.' },
      { key: 'value', label: 'Value', type: 'number', helpText: 'Together with a currency.' },
      { key: 'currency', label: 'Currency', helpText: 'Three letters: `EUR`.' },
      { key: 'order_id', label: 'Order ID' },
      { key: 'source_url', label: 'Page', helpText: 'Where it happened on the web.' },
      custom,
    ],
    perform,
    outputFields: [
      { key: 'id', label: 'Conversion ID', primary: true },
      { key: 'name', label: 'Name' },
      { key: 'status', label: 'Status' },
    ],
    sample: { id: 'order-1', name: 'Purchase', status: 'accepted' },
  },
};
