 =======================  CLUSTER INFORMATION  =======================
 [Resource1 : exec1]
   Type                                                   : exec
   Comment                                                : 
   Group                                                  : failover1
 =====================================================================
