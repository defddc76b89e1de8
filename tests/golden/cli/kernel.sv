 =======================  CLUSTER INFORMATION  =======================
 [Server1 : beta]
   Number                                                 : 1
   Role                                                   : host
   Votes                                                  : 1
   Address of lanhb1                                      : 10.0.0.2
   Address of lanhb2                                      : 10.1.0.2
 =====================================================================
