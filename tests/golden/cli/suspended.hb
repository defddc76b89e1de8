 =======================  CLUSTER INFORMATION  =======================
 [HB0 : lanhb1]
   Type                                                   : lanhb
   Comment                                                : LAN Heartbeat
 [HB1 : lanhb2]
   Type                                                   : lanhb
   Comment                                                : LAN Heartbeat
 =====================================================================
