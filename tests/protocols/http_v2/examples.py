"""The examples of the document's chapter "HTTP API v2 (JSON + API Key)", as printed but for line and page breaks.

Repairs, each named in the field notes: S2 ``startTime`` is what the example
says and ``startDateTime`` what the table says; L1 the page break in the status
answer had cost it two brackets; K3 the raw line break inside a string.
"""

API_KEY = "1837/ptf9Bs9Apk4EgyP4gUCy2ajwffVchwaR"

SEND_REQUEST = b"""
{
  "channels": {
    "sms": {
      "message": "Hello, [[name]]!",
      "timeout": 86400,
      "transliterate": false,
      "maxParts": 255
    }
  },
  "destinations": [
    {
      "to": 78000000001,
      "params": {"name": "Ivan"},
      "trackingData": "2de9efa4-3ee7-4691-bec0-81d93c5a54cf"
    },
    {
      "to": 78000000002,
      "content": {
        "sms": {
          "message": "Individual message for 78000000002"
        }
      }
    }
  ],
  "originator": "Originator",
  "trackingData": "common-tracking-0001",
  "scheduling": {
    "startTime": "2025-01-01T10:30:00+03:00",
    "localtime": false
  },
  "batchName": "Batch via API 0001",
  "restrictiveId": "ba52-5ad86d408887"
}
"""

SEND_ANSWER = b"""
{
  "success": true,
  "destinations": [
    {
      "phone": 78000000001,
      "id": "1046379029789147161",
      "trackingData": "2de9efa4-3ee7-4691-bec0-81d93c5a54cf"
    },
    {
      "phone": 78000000002,
      "id": "1046379029789147194",
      "trackingData": "common-tracking-0001",
      "error": {
        "code": 432,
        "message": "blocked phone: 78000000002. No messages has been sent"
      }
    }
  ]
}
"""

SEND_REFUSED = b"""
{
  "success": false,
  "error": {
    "code": 105,
    "message": "Duplicated request"
  }
}
"""

STATUSES_REQUEST = b"""
{
  "ids": [
    "1046379029789147161",
    "1046379029789147162"
  ],
  "trackingData": [
    "108c3492-98ef-44b4-ab17-ee20c864584a",
    "108c3492-98ef-44b4-ab17-ee20c864584b"
  ],
  "extendedInfo": false
}
"""

STATUSES_ANSWER = b"""
{
  "success": true,
  "data": [
    {
      "smsId": "1046379029789147161",
      "trackingData": "108c3492-98ef-44b4-ab17-ee20c864584a",
      "submissionDate": "2025-11-27T13:56:41.562+03:00",
      "sendDate": "2025-11-27T13:56:41.593+03:00",
      "deliveryDate": "2025-11-27T13:56:42.341+03:00",
      "status": "Delivered",
      "operatorId": 1971,
      "mcc": 250,
      "mnc": 99
    },
    {
      "smsId": "1046379029789147162",
      "submissionDate": "2025-11-27T13:58:12.021+03:00",
      "sendDate": "2025-11-27T13:58:12.593+03:00",
      "deliveryDate": "2025-11-27T13:59:42.341+03:00",
      "status": "Non Delivered",
      "statusExtended": {
        "code": 3,
        "description": "Unknown subscriber"
      }
    }
  ]
}
"""

STATUSES_REFUSED = b"""
{
  "success": false,
  "error": {
    "code": 105,
    "message": "Invalid request format"
  }
}
"""

CHECKED_REQUEST = b"""
[
  "1046379029789147161",
  "1046379029789147162"
]
"""

CHECKED_ANSWER = b"""
{
  "success": true,
  "data": {
    "updated": [
      "1046379029789147161"
    ],
    "failed": [
      {
        "id": "1046379029789147162",
        "error": "no such message or this message does not belong to you 1046379029789147162"
      }
    ]
  }
}
"""

CHECKED_REFUSED = b"""
{
  "success": false,
  "error": {
    "code": 403,
    "message": "Access denied"
  }
}
"""

ACCOUNT_ANSWER = b"""
{
  "success": true,
  "data": {
    "account": "12520.35"
  }
}
"""
