'use strict';

const { create } = require('../lib/api');
const { custom, email, phone } = require('../lib/fields');

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
      { key: 'value', label: 'Value', type: 'number' },
      { key: 'currency', label: 'Currency', helpText: 'Three letters: `EUR`.' },
      { key: 'order_id', label: 'Order ID' },
      { key: 'source_url', label: 'Page', helpText: 'Where it happened on the web.' },
      custom,
    ],
    perform: create('send_conversion', '/v1/conversions'),
    outputFields: [
      { key: 'id', label: 'Conversion ID', primary: true },
      { key: 'name', label: 'Name' },
      { key: 'status', label: 'Status' },
    ],
    sample: { id: 'order-1', name: 'Purchase', status: 'accepted' },
  },
};
