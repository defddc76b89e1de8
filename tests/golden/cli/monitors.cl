 =======================  CLUSTER INFORMATION  =======================
 [Cluster : cluster1]
   Heartbeat Interval (ms)                                : 100
   Heartbeat Timeout (ms)                                 : 1000
   Lease (ms)                                             : 1200
   Votes                                                  : 3
   Configuration Hash                                     : 5a0c33d1e7f20b98
   Agent Version                                          : 0.1.0
   Status                                                 : Caution
   Mode                                                   : running
   Timeout Ratio                                          : 3
   Timeout Ratio Left                                     : 2h 0m 5s
   Heartbeat Timeout in Force (ms)                        : 3000
   Lease in Force (ms)                                    : 3600
   Configuration Generation                               : 4
   Configuration Applied                                  : 2024-11-23T21:56:40+0000
   name                                                   : "cluster1"
   detection_time                                         : "1s"
   takeover                                               : "lease"
 =====================================================================
