 =======================  CLUSTER INFORMATION  =======================
 [HB0 : lanhb1]
   Type                                                   : lanhb
   Comment                                                : LAN Heartbeat
 [HB1 : lanhb2]
   Type                                                   : lanhb
   Comment                                                : LAN Heartbeat
 [HB2 : lankhb1]
   Type                                                   : lankhb
   Comment                                                : Kernel Mode LAN Heartbeat
 [HB3 : lankhb2]
   Type                                                   : lankhb
   Comment                                                : Kernel Mode LAN Heartbeat
 =====================================================================
