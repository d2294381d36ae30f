package report

// What TestReports expects, whole.

const wantReconciliation = `file,line,user_id,workspace_id,source,percentage,pivot_percentage,pivot_user_id,pivot_workspace_id,workspace_name,integration_status,status,reason,http_status,error_code,attempts,sent_at
in/a.csv,2,u1,w1,jira," 60 % ",60,812,9001,"Café, ""North""",NOT_SEND,matched,,200,,1,2026-11-23T03:15:00.007Z
in/a.csv,3,u1,w2,JIRA,40,39.9,'-3,,"Café, ""North""",NOT_SEND,mismatched,"asked for 40, COR holds 39.9",200,,2,2026-11-23T03:15:00.007Z
in/a.csv,4,u1,w3,JIRA,1,,,,,,missing,,200,,1,2026-11-23T03:15:00.007Z
in/a.csv,5,u2,w1,SAP,1,,,,,,failed,no such user,404,USER_NOT_FOUND,1,2026-11-23T03:15:00.007Z
in/a.csv,6,u3,w1,SAP,1,,,,,,unknown,no answer,,,6,2026-11-23T03:15:00.007Z
in/a.csv,7,u4,w1,SAP,101,,,,,,invalid,"percentage ""101"" is above 100",,,0,
in/a.csv,8,u4,w2,SAP,1,,,,,,held,line 7 is invalid,,,0,
in/a.csv,9,u1,w1,JIRA,60,,,,,,duplicate,same as line 2,,,0,
in/a.csv,10,u5,w1,SAP,1,1,812,9001,"Café, ""North""",NOT_SEND,unchanged,,,,0,2026-11-23T03:15:00.000Z
-,1,u6,w1,SAP,1,,,,,,not_sent,the canary failed,,,0,
-,2,u7,w1,SAP,1,,,,,,planned,,,,0,
-,3,"u8;""w\xff1;50",,,,,,,,,invalid,the quote is not closed,,,0,
`

const wantFailed = `user_id,workspace_id,percentage,source,_status,_reason,_file,_line
u1,w2,40,JIRA,mismatched,"asked for 40, COR holds 39.9",in/a.csv,3
u1,w3,1,JIRA,missing,,in/a.csv,4
u2,w1,1,SAP,failed,no such user,in/a.csv,5
u3,w1,1,SAP,unknown,no answer,in/a.csv,6
u4,w1,101,SAP,invalid,"percentage ""101"" is above 100",in/a.csv,7
u4,w2,1,SAP,held,line 7 is invalid,in/a.csv,8
u6,w1,1,SAP,not_sent,the canary failed,-,1
"u8;""w\xff1;50",,,,invalid,the quote is not closed,-,3
`

const wantExtras = `user_id,workspace_id,source,percentage,pivot_user_id,pivot_workspace_id,workspace_name,integration_status
u1,w9,JIRA,40,812,9009,'=HYPERLINK(1),NOT_SEND
u1,,,'-5,'-1,,made in COR,
`

const wantUsers = `user_id,rows,requested_total,returned_total,over_allocated,requests,worst_status
u1,4,101,139.9,true,1,missing
'=u\xff,1,33.3333,,false,2,failed
`

const wantSummary = `{
  "run_id": "20261123T031500Z-ab12cd",
  "job": "default",
  "version": "1.0",
  "dry_run": false,
  "target": "https://integrations.projectcor.com <a&b>",
  "started_at": "2026-11-23T03:15:00Z",
  "finished_at": "2026-11-23T03:15:01.25Z",
  "duration_seconds": 1.25,
  "inputs": [
    {
      "file": "in/a.csv",
      "sha256": "00ff",
      "rows": 9
    },
    {
      "file": "-",
      "sha256": "11ee",
      "rows": 3
    }
  ],
  "rows": {
    "total": 12,
    "matched": 1,
    "mismatched": 1,
    "missing": 1,
    "failed": 1,
    "unknown": 1,
    "invalid": 2,
    "held": 1,
    "duplicate": 1,
    "unchanged": 1,
    "not_sent": 1,
    "planned": 1
  },
  "balanced": true,
  "users": 2,
  "requests": 5,
  "attempts": 11,
  "throttled": 1,
  "over_allocated_users": 1,
  "extras": 2,
  "vanished": {
    "total": 7,
    "users": 6,
    "listed": 1,
    "planned": 1,
    "detached": 1,
    "still_attached": 1,
    "failed": 1,
    "unknown": 1,
    "not_sent": 1
  },
  "resumable": 2,
  "causes": [
    {
      "error_code": "",
      "workspace_id": "",
      "status": "invalid",
      "rows": 2,
      "lines": [
        "in/a.csv:7",
        "-:3"
      ]
    },
    {
      "error_code": "",
      "workspace_id": "w2",
      "status": "mismatched",
      "rows": 1,
      "lines": [
        "in/a.csv:3"
      ]
    },
    {
      "error_code": "",
      "workspace_id": "w3",
      "status": "missing",
      "rows": 1,
      "lines": [
        "in/a.csv:4"
      ]
    },
    {
      "error_code": "USER_NOT_FOUND",
      "workspace_id": "w1",
      "status": "failed",
      "rows": 1,
      "lines": [
        "in/a.csv:5"
      ]
    },
    {
      "error_code": "",
      "workspace_id": "w1",
      "status": "unknown",
      "rows": 1,
      "lines": [
        "in/a.csv:6"
      ]
    },
    {
      "error_code": "",
      "workspace_id": "",
      "status": "held",
      "rows": 1,
      "lines": [
        "in/a.csv:8"
      ]
    },
    {
      "error_code": "",
      "workspace_id": "",
      "status": "not_sent",
      "rows": 1,
      "lines": [
        "-:1"
      ]
    }
  ],
  "causes_total": 7,
  "warnings": [
    "bad byte \\xfe"
  ],
  "warnings_total": 1,
  "exit": {
    "code": 4,
    "reason": "some rows failed",
    "all": [
      4,
      5
    ]
  }
}
`

const wantVanished = `user_id,workspace_id,source,percentage,confirmed_at,result,reason
u1,'=w1,JIRA,33.3333,2026-11-22T03:15:00.007Z,listed,
u1,'=w1,JIRA,33.3333,2026-11-22T03:15:00.007Z,planned,
u2,'=w1,JIRA,33.3333,2026-11-22T03:15:00.007Z,detached,
u3,'=w1,JIRA,33.3333,2026-11-22T03:15:00.007Z,still_attached,
u4,'=w1,JIRA,33.3333,2026-11-22T03:15:00.007Z,failed,"COR refused: HTTP 404 ""gone"""
u5,'=w1,JIRA,33.3333,2026-11-22T03:15:00.007Z,unknown,
u6,'=w1,JIRA,33.3333,2026-11-22T03:15:00.007Z,not_sent,
`
