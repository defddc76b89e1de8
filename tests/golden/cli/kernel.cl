 =======================  CLUSTER INFORMATION  =======================
 [Cluster : cluster1]
   Heartbeat Interval (ms)                                : 100
   Heartbeat Timeout (ms)                                 : 1000
   Lease (ms)                                             : 1200
   Stall Timeout (ms)                                     : 5000
   Votes                                                  : 3
   Configuration Hash                                     : 5a0c33d1e7f20b98
   Agent Version                                          : 0.1.0
   Status                                                 : Caution
   Mode                                                   : running
   Timeout Ratio                                          : 1
   Heartbeat Timeout in Force (ms)                        : 1000
   Lease in Force (ms)                                    : 1200
   Configuration Generation                               : 0
   Configuration Applied                                  : -
 =====================================================================
